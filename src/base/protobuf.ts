/**
 * Protocol Buffers, proto3 (protobuf.dev/programming-guides/encoding): messages are declared as values, and their types
 * come from the declaration. Unknown fields are skipped; a message that breaks the format is an `invalidArgument`.
 */
import { invalidArgument } from "./errors.ts";

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** How a value is written: without its tag. */
export interface Codec<T> {
  readonly wire: number;
  /** What a field has that is not there. */
  readonly missing: T;
  write(out: Writer, value: T): void;
  read(from: Reader): T;
  /** Values that are equal to `missing`, which are not written. */
  isMissing(value: T): boolean;
}

/** One field of a message. */
export interface Field<T> {
  readonly number: number;
  readonly initial: () => T;
  write(out: Writer, value: T): void;
  /** The value after another occurrence of the field. */
  read(from: Reader, before: T, wire: number): T;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = { [Name in keyof F]: F[Name] extends Field<infer T> ? T : never };

/** The type of what a declared message holds. */
export type MessageOf<M> = M extends Message<infer T> ? T : never;

export interface Message<T> extends Codec<T | undefined> {
  /** Fields that are left out have their zero value. */
  encode(value: Partial<T>): Buffer;
  /** Throws `invalidArgument`. */
  decode(bytes: Uint8Array): T;
}

/** Where a message begins to be written; longer ones get more. Bytes. */
const firstSize = 512;
/** The most that a varint has. Bytes. */
const longestVarint = 10;

export class Writer {
  #buffer = Buffer.allocUnsafe(firstSize);
  #length = 0;

  varint(value: bigint | number): void {
    this.#makeRoom(longestVarint);
    if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      // Without big integers, which most numbers do not need.
      let rest = value;
      for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.#length++] = (rest % 128) | 0x80;
      this.#buffer[this.#length++] = rest;
      return;
    }
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > 0x7fn; left >>= 7n) this.#buffer[this.#length++] = Number(left & 0x7fn) | 0x80;
    this.#buffer[this.#length++] = Number(left);
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#makeRoom(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    // Four bytes at a time are a small number: sums of big integers cost more than all the rest.
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 28n) {
      let part = 0;
      for (let bits = 0; bits < (shift === 56n ? 14 : 28); bits += 7) {
        const byte = this.#bytes[this.#at++];
        if (byte === undefined) throw malformed("a number is cut off");
        part |= (byte & 0x7f) << bits;
        if (byte < 0x80) return value | (BigInt(part) << shift);
      }
      value |= BigInt(part) << shift;
    }
    throw malformed("a number is too long");
  }

  /** A varint as a number: exact below 2^53. */
  number(): number {
    const start = this.#at;
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed("a number is cut off");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    this.#at = start;
    return Number(BigInt.asIntN(64, this.varint()));
  }

  bytes(): Buffer {
    return this.#take(this.number());
  }

  skip(wire: number): void {
    if (wire === wireTypes.varint) this.varint();
    else if (wire === wireTypes.fixed64) this.#take(8);
    else if (wire === wireTypes.bytes) this.bytes();
    else if (wire === wireTypes.fixed32) this.#take(4);
    else throw malformed(`wire type ${wire}`);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw malformed("a field is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

const malformed = (what: string) => invalidArgument(`malformed protobuf message: ${what}`);

export const string: Codec<string> = {
  wire: wireTypes.bytes,
  missing: "",
  write: (out, value) => out.bytes(Buffer.from(value, "utf8")),
  read: (from) => from.bytes().toString("utf8"),
  isMissing: (value) => value === "",
};

export const bytes: Codec<Uint8Array> = {
  wire: wireTypes.bytes,
  missing: new Uint8Array(),
  write: (out, value) => out.bytes(value),
  read: (from) => from.bytes(),
  isMissing: (value) => value.length === 0,
};

export const bool: Codec<boolean> = {
  wire: wireTypes.varint,
  missing: false,
  write: (out, value) => out.varint(value ? 1 : 0),
  read: (from) => from.varint() !== 0n,
  isMissing: (value) => !value,
};

/** int32, int64, uint32 and enumerations whose values are below 2^53. */
export const int: Codec<number> = {
  wire: wireTypes.varint,
  missing: 0,
  write: (out, value) => out.varint(value),
  read: (from) => from.number(),
  isMissing: (value) => value === 0,
};

/** int64 in full. */
export const int64: Codec<bigint> = {
  wire: wireTypes.varint,
  missing: 0n,
  write: (out, value) => out.varint(value),
  read: (from) => BigInt.asIntN(64, from.varint()),
  isMissing: (value) => value === 0n,
};

export function one<T>(number: number, codec: Codec<T>): Field<T> {
  return {
    number,
    initial: () => codec.missing,
    write(out, value) {
      if (codec.isMissing(value)) return;
      out.tag(number, codec.wire);
      codec.write(out, value);
    },
    read(from, before, wire) {
      if (wire === codec.wire) return codec.read(from);
      from.skip(wire);
      return before;
    },
  };
}

export function list<T>(number: number, codec: Codec<T>): Field<NonNullable<T>[]> {
  return {
    number,
    initial: () => [],
    write(out, values) {
      for (const value of values) {
        out.tag(number, codec.wire);
        codec.write(out, value);
      }
    },
    read(from, before, wire) {
      if (wire === codec.wire) before.push(codec.read(from) as NonNullable<T>);
      else if (wire === wireTypes.bytes) unpack(codec, from.bytes(), before);
      else from.skip(wire);
      return before;
    },
  };
}

/** Numbers come packed: one after another in one field. */
function unpack<T>(codec: Codec<T>, packed: Uint8Array, into: NonNullable<T>[]): void {
  const reader = new Reader(packed);
  while (!reader.done) into.push(codec.read(reader) as NonNullable<T>);
}

/** A map whose keys are strings. */
export function map<T>(number: number, codec: Codec<T>): Field<Record<string, NonNullable<T>>> {
  const entry = message({ key: one(1, string), value: one(2, codec) });
  return {
    number,
    initial: () => Object.create(null) as Record<string, NonNullable<T>>,
    write(out, values) {
      for (const [key, value] of Object.entries(values)) {
        out.tag(number, wireTypes.bytes);
        out.bytes(entry.encode({ key, value: value as T }));
      }
    },
    read(from, before, wire) {
      if (wire !== wireTypes.bytes) {
        from.skip(wire);
        return before;
      }
      const { key, value } = entry.decode(from.bytes());
      before[key] = value as NonNullable<T>;
      return before;
    },
  };
}

export function message<F extends Fields>(fields: F): Message<Values<F>> {
  const names = Object.entries(fields);
  const byNumber = new Map(names.map(([name, field]) => [field.number, { name, field }]));
  const encode = (value: Partial<Values<F>>) => {
    const out = new Writer();
    for (const [name, field] of names) {
      const given = value[name];
      if (given !== undefined) field.write(out, given);
    }
    return out.finish();
  };
  const decode = (encoded: Uint8Array): Values<F> => {
    const result: Record<string, unknown> = {};
    for (const [name, field] of names) result[name] = field.initial();
    const reader = new Reader(encoded);
    while (!reader.done) {
      const tag = reader.number();
      const known = byNumber.get(tag >>> 3);
      if (known === undefined) reader.skip(tag & 7);
      else result[known.name] = known.field.read(reader, result[known.name], tag & 7);
    }
    return result as Values<F>;
  };
  return {
    wire: wireTypes.bytes,
    missing: undefined,
    isMissing: (value) => value === undefined,
    write: (out, value) => out.bytes(encode(value ?? {})),
    read: (from) => decode(from.bytes()),
    encode,
    decode,
  };
}
