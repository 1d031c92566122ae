/*
 * Values of D-Bus in its wire format (D-Bus specification, "Type System" and "Marshaling"), for little-endian machines.
 * Strings, object paths and signatures are strings; numbers of 64 bits are bigints; arrays, structs and dictionaries'
 * entries are arrays.
 */

export type DbusValue = string | number | bigint | boolean | DbusValue[] | DbusVariant;

/** A value with its type. */
export interface DbusVariant {
  signature: string;
  value: DbusValue;
}

/** No value is nested any deeper. */
const deepest = 64;

interface Fixed {
  size: number;
  read: (bytes: Buffer, at: number) => DbusValue;
  write: (bytes: Buffer, value: DbusValue, at: number) => void;
}

/** What has always the same size, which is also its alignment. */
const fixed: Record<string, Fixed> = {
  y: { size: 1, read: (b, at) => b.readUInt8(at), write: (b, v, at) => b.writeUInt8(Number(v), at) },
  b: {
    size: 4,
    read: (b, at) => b.readUInt32LE(at) !== 0,
    write: (b, v, at) => b.writeUInt32LE(v ? 1 : 0, at),
  },
  n: { size: 2, read: (b, at) => b.readInt16LE(at), write: (b, v, at) => b.writeInt16LE(Number(v), at) },
  q: { size: 2, read: (b, at) => b.readUInt16LE(at), write: (b, v, at) => b.writeUInt16LE(Number(v), at) },
  i: { size: 4, read: (b, at) => b.readInt32LE(at), write: (b, v, at) => b.writeInt32LE(Number(v), at) },
  u: { size: 4, read: (b, at) => b.readUInt32LE(at), write: (b, v, at) => b.writeUInt32LE(Number(v), at) },
  x: {
    size: 8,
    read: (b, at) => b.readBigInt64LE(at),
    write: (b, v, at) => b.writeBigInt64LE(BigInt(v as bigint), at),
  },
  t: {
    size: 8,
    read: (b, at) => b.readBigUInt64LE(at),
    write: (b, v, at) => b.writeBigUInt64LE(BigInt(v as bigint), at),
  },
  d: { size: 8, read: (b, at) => b.readDoubleLE(at), write: (b, v, at) => b.writeDoubleLE(Number(v), at) },
};

function alignmentOf(type: string): number {
  const kind = type.charAt(0);
  if ("gv".includes(kind)) return 1;
  if ("soa".includes(kind)) return 4;
  if ("({".includes(kind)) return 8;
  const size = fixed[kind]?.size;
  if (size === undefined) throw new Error(`not a type of D-Bus that is known here: ${JSON.stringify(type)}`);
  return size;
}

/** The complete types that a signature consists of. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function endOfType(signature: string, start: number): number {
  let at = start;
  while (signature[at] === "a") at++;
  if (signature[at] !== "(" && signature[at] !== "{") return at + 1;
  let depth = 0;
  do {
    const char = signature[at++];
    if (char === undefined) throw new Error(`not a signature of D-Bus: ${JSON.stringify(signature)}`);
    if ("({".includes(char)) depth++;
    if (")}".includes(char)) depth--;
  } while (depth > 0);
  return at;
}

/** Writes values one after the other, each where its alignment wants it. */
export class DbusWriter {
  #bytes = Buffer.alloc(256);
  #length = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  align(to: number): void {
    this.#room((to - (this.#length % to)) % to);
  }

  /** Appends zeros; where they begin. */
  #room(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#length);
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }

  /** Throws for a value that does not fit its type. */
  write(type: string, value: DbusValue): void {
    this.align(alignmentOf(type));
    const kind = type.charAt(0);
    const plain = fixed[kind];
    if (plain) {
      const at = this.#room(plain.size);
      plain.write(this.#bytes, value, at);
    } else if (kind === "v") {
      const { signature, value: inner } = value as DbusVariant;
      this.write("g", signature);
      this.write(signature, inner);
    } else if (kind === "a") this.#array(type.slice(1), value as DbusValue[]);
    else if ("({".includes(kind)) this.writeAll(type.slice(1, -1), value as DbusValue[]);
    else this.#text(kind, Buffer.from(String(value)));
  }

  /** One value for each type of the signature. */
  writeAll(signature: string, values: readonly DbusValue[]): void {
    const types = typesOf(signature);
    if (types.length !== values.length) throw new Error(`${values.length} values for ${signature}`);
    for (const [at, type] of types.entries()) this.write(type, values[at] as DbusValue);
  }

  #text(kind: string, bytes: Buffer): void {
    this.write(kind === "g" ? "y" : "u", bytes.length);
    const at = this.#room(bytes.length + 1);
    bytes.copy(this.#bytes, at);
  }

  #array(type: string, items: readonly DbusValue[]): void {
    const at = this.#room(4);
    this.align(alignmentOf(type));
    const start = this.#length;
    for (const item of items) this.write(type, item);
    this.#bytes.writeUInt32LE(this.#length - start, at);
  }
}

/** Reads what `DbusWriter` writes. Throws when the bytes end too early. */
export class DbusReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  align(to: number): void {
    this.#at += (to - (this.#at % to)) % to;
  }

  readAll(signature: string, depth = 0): DbusValue[] {
    return typesOf(signature).map((type) => this.read(type, depth));
  }

  read(type: string, depth = 0): DbusValue {
    if (depth > deepest) throw new Error("a value of D-Bus is nested too deep");
    this.align(alignmentOf(type));
    const kind = type.charAt(0);
    const plain = fixed[kind];
    if (plain) {
      const value = plain.read(this.#bytes, this.#at);
      this.#at += plain.size;
      return value;
    }
    if (kind === "a") return this.#array(type.slice(1), depth + 1);
    if ("({".includes(kind)) return this.readAll(type.slice(1, -1), depth + 1);
    if (kind !== "v") return this.#text(kind);
    const signature = this.#text("g");
    return { signature, value: this.read(signature, depth + 1) };
  }

  #text(kind: string): string {
    const length = this.read(kind === "g" ? "y" : "u") as number;
    if (this.#at + length >= this.#bytes.length) throw new Error("a text of D-Bus is cut off");
    const text = this.#bytes.toString("utf8", this.#at, this.#at + length);
    this.#at += length + 1;
    return text;
  }

  #array(type: string, depth: number): DbusValue[] {
    const length = this.read("u") as number;
    this.align(alignmentOf(type));
    const end = this.#at + length;
    const items: DbusValue[] = [];
    while (this.#at < end) items.push(this.read(type, depth));
    return items;
  }
}
