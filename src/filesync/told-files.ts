/** So many files are kept together. */
const blockCount = 256;

/** What the other side may ask for. */
export interface ToldFile {
  path: string;
  /** Bytes that were told. */
  size: number;
}

/** The files that were told, by their number: as bytes, since a million of objects takes ten times the memory. */
export class ToldFiles {
  readonly #blocks: Buffer[] = [];
  #last: string[] = [];
  /** The block that was looked into last: they are asked for in their order. */
  #open: { block: number; files: string[] } | undefined;

  add({ path, size }: ToldFile): void {
    this.#last.push(`${size} ${path}`);
    if (this.#last.length < blockCount) return;
    this.#blocks.push(Buffer.from(this.#last.join("\0")));
    this.#last = [];
  }

  get count(): number {
    return this.#blocks.length * blockCount + this.#last.length;
  }

  /** Undefined where there is none of that number. */
  get(number: number): ToldFile | undefined {
    const text = this.#block(Math.floor(number / blockCount))[number % blockCount];
    if (text === undefined) return undefined;
    const space = text.indexOf(" ");
    return { path: text.slice(space + 1), size: Number(text.slice(0, space)) };
  }

  #block(number: number): string[] {
    if (number === this.#blocks.length) return this.#last;
    if (this.#open?.block === number) return this.#open.files;
    const files = this.#blocks[number]?.toString().split("\0") ?? [];
    this.#open = { block: number, files };
    return files;
  }
}
