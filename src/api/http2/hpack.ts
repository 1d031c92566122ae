/** HPACK (RFC 7541): the header fields of HTTP/2. */
import { decodeHuffman } from "./huffman.ts";
import { compressionError } from "./protocol-error.ts";
import { staticTable } from "./static-table.ts";

/** Header fields by lower-case name, in the order in which they came; a field may come several times. */
export type Fields = Readonly<Record<string, readonly string[]>>;

type Field = readonly [name: string, value: string];

/** What the dynamic table may have, as every side begins with it, and what a field costs in it besides its text. Bytes. */
const tableSize = 4096;
const fieldCost = 32;

const byField = new Map(staticTable.map(([name, value], at) => [`${name}\0${value}`, at + 1]));
const byName = new Map(staticTable.map(([name], at): [string, number] => [name, at + 1]).reverse());

/** A header block. Writes nothing into the other side's table, so that blocks may be made in any order. */
export function encodeFields(fields: Fields): Buffer {
  const parts: Buffer[] = [];
  for (const [name, values] of Object.entries(fields)) {
    for (const value of values) {
      const known = byField.get(`${name}\0${value}`);
      if (known !== undefined) {
        parts.push(integer(0x80, 7, known));
        continue;
      }
      const named = byName.get(name) ?? 0;
      parts.push(integer(0, 4, named));
      if (named === 0) parts.push(...text(name));
      parts.push(...text(value));
    }
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer[] {
  const bytes = Buffer.from(value, "latin1");
  return [integer(0, 7, bytes.length), bytes];
}

/** A number that begins in the last `bits` of a byte, whose others are those of `flags`. */
function integer(flags: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([flags | value]);
  const bytes = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Reads the header blocks of one connection, in their order. */
export class FieldDecoder {
  /** The newest first. */
  readonly #table: Field[] = [];
  #size = 0;
  #maxSize = tableSize;

  /** Throws `ProtocolError`. */
  decode(block: Buffer): Fields {
    const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    const reader = new BlockReader(block);
    while (!reader.done) {
      const field = this.#next(reader);
      if (field === undefined) continue;
      const [name, value] = field;
      fields[name] ??= [];
      fields[name].push(value);
    }
    return fields;
  }

  /** Undefined for what only changes the table. */
  #next(reader: BlockReader): Field | undefined {
    const first = reader.peek();
    if (first & 0x80) return this.#known(reader.integer(7));
    if ((first & 0xe0) === 0x20) {
      this.#maxSize = reader.integer(5);
      if (this.#maxSize > tableSize) throw compressionError("the table of header fields is too large");
      this.#shrink(0);
      return undefined;
    }
    const isKept = (first & 0x40) !== 0;
    const index = reader.integer(isKept ? 6 : 4);
    const name = index === 0 ? reader.text() : this.#known(index)[0];
    const field: Field = [name, reader.text()];
    if (isKept) this.#keep(field);
    return field;
  }

  #known(index: number): Field {
    const field = staticTable[index - 1] ?? this.#table[index - 1 - staticTable.length];
    if (field === undefined) throw compressionError(`there is no header field ${index}`);
    return field;
  }

  #keep(field: Field): void {
    const size = sizeOf(field);
    this.#shrink(size);
    // One that is too large for the table only empties it.
    if (size > this.#maxSize) return;
    this.#table.unshift(field);
    this.#size += size;
  }

  /** Makes room for so many bytes. */
  #shrink(room: number): void {
    while (this.#size + room > this.#maxSize) {
      const last = this.#table.pop();
      if (last === undefined) return;
      this.#size -= sizeOf(last);
    }
  }
}

const sizeOf = ([name, value]: Field) => name.length + value.length + fieldCost;

class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let factor = 1; factor <= 2 ** 21; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw compressionError("a number is too large");
  }

  text(): string {
    const isCoded = (this.peek() & 0x80) !== 0;
    const end = this.integer(7) + this.#at;
    if (end > this.#bytes.length) throw compressionError("a text is cut off");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    const plain = isCoded ? decodeHuffman(bytes) : bytes;
    if (plain === undefined) throw compressionError("a text is not coded as it should be");
    return plain.toString("latin1");
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw compressionError("a number is cut off");
    return byte;
  }
}
