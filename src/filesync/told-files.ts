/** So many files are kept together. */
const blockCount = 256;

/** What the other side may ask for. */
export interface ToldFile {
  path: string;
  /** Bytes that were told. */
  size: number;
}

/**
 * The files that were told, by their number: as bytes, each with what its path has not in common with the one before, since
 * a million of objects takes twenty times the memory.
 */
export class ToldFiles {
  readonly #blocks: Buffer[] = [];
  #last: ToldFile[] = [];
  /** The block that was looked into last: they are asked for in their order. */
  #open: { block: number; files: ToldFile[] } | undefined;

  add({ path, size }: ToldFile): void {
    this.#last.push({ path, size });
    if (this.#last.length < blockCount) return;
    this.#blocks.push(packed(this.#last));
    this.#last = [];
  }

  get count(): number {
    return this.#blocks.length * blockCount + this.#last.length;
  }

  /** Undefined where there is none of that number. */
  get(number: number): ToldFile | undefined {
    return this.#block(Math.floor(number / blockCount))[number % blockCount];
  }

  #block(number: number): ToldFile[] {
    if (number === this.#blocks.length) return this.#last;
    if (this.#open?.block === number) return this.#open.files;
    const block = this.#blocks[number];
    const files = block === undefined ? [] : unpacked(block);
    this.#open = { block: number, files };
    return files;
  }
}

function packed(files: readonly ToldFile[]): Buffer {
  let before = "";
  const parts = files.map(({ path, size }) => {
    const shared = sharedLength(before, path);
    before = path;
    return `${size} ${shared} ${path.slice(shared)}`;
  });
  return Buffer.from(parts.join("\0"));
}

function unpacked(block: Buffer): ToldFile[] {
  let before = "";
  return block
    .toString()
    .split("\0")
    .map((part) => {
      const [size = "", shared = ""] = part.split(" ", 2);
      before = before.slice(0, Number(shared)) + part.slice(size.length + shared.length + 2);
      return { path: before, size: Number(size) };
    });
}

/** How much two paths have in common at their beginning, whole characters: half of one cannot be written. */
function sharedLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  const isHalf = length > 0 && /[\ud800-\udbff]/.test(one.charAt(length - 1));
  return isHalf ? length - 1 : length;
}
