/**
 * A small language for the JSON of the Engine API. A schema is data: the TypeScript type (`Infer`), decoding as Go's
 * `encoding/json` does it (`decode.ts`) and encoding with Go's zero values and field order (`encode.ts`) come from it.
 */

declare const valueType: unique symbol;

/** Describes values of type T. */
export interface Typed<T> {
  readonly [valueType]?: T;
}

export type ScalarKind = "string" | "bool" | "int" | "bigint" | "any" | "strings";

export interface Scalar<T> extends Typed<T> {
  readonly kind: ScalarKind;
  /** Go's name of the type, as its decoder's errors show it. */
  readonly go: string;
}
export interface List<T> extends Typed<T> {
  readonly kind: "list";
  readonly of: Schema;
}
export interface Dict<T> extends Typed<T> {
  readonly kind: "map";
  readonly of: Schema;
}
export interface Nullable<T> extends Typed<T> {
  readonly kind: "nullable";
  readonly of: Schema;
}
export interface Struct<T, F extends Fields = Fields> extends Typed<T> {
  readonly kind: "struct";
  /** Go's qualified name of the type: `container.HostConfig`. */
  readonly name: string;
  readonly fields: F;
  /** Decoding fills absent fields with zero values; without it they stay absent. */
  readonly complete: boolean;
}

export type Schema<T = unknown> = Scalar<T> | List<T> | Dict<T> | Nullable<T> | Struct<T>;

/** A field that is left out when it is empty (Go's `omitempty`), or that only some API versions have. */
export interface Field<S extends Schema = Schema, Optional extends boolean = boolean> {
  readonly kind: "field";
  readonly of: S;
  readonly optional: Optional;
  /** Written when it is given, even if it is a zero value. */
  readonly keepZero?: boolean;
  /** First and last API version that shows the field in responses. */
  readonly since?: string;
  readonly until?: string;
  /** The last API version that shows it even if it is empty, with its zero value. */
  readonly zeroUntil?: string;
}

export type Fields = Readonly<Record<string, Schema | Field>>;

/** The TypeScript type of the values that a schema or a field describes. */
export type Infer<S> = S extends Field<infer Inner> ? Infer<Inner> : S extends Typed<infer T> ? T : never;

type Flat<T> = { [K in keyof T]: T[K] };
type OptionalKeys<F> = { [K in keyof F]: F[K] extends { optional: true } ? K : never }[keyof F];

/** All fields present but those marked `optional`. */
export type CompleteShape<F> = Flat<
  { -readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
    -readonly [K in OptionalKeys<F>]?: Infer<F[K]> | undefined;
  }
>;
/** Every field may be absent, which means its zero value. */
export type PartialShape<F> = { -readonly [K in keyof F]?: Infer<F[K]> | undefined };

const scalar = <T>(kind: ScalarKind, go: string): Scalar<T> => ({ kind, go });

export const string: Scalar<string> = scalar("string", "string");
export const bool: Scalar<boolean> = scalar("bool", "bool");
export const int: Scalar<number> = scalar("int", "int");
export const int64: Scalar<number> = scalar("int", "int64");
/** An int64 that may need more than the 53 bits that a number has: nanoseconds since 1970. */
export const exactInt64: Scalar<bigint> = scalar("bigint", "int64");
export const uint16: Scalar<number> = scalar("int", "uint16");
export const uint32: Scalar<number> = scalar("int", "uint32");
export const uint64: Scalar<number> = scalar("int", "uint64");
const integerRanges: Readonly<Record<string, { least: bigint; most: bigint }>> = {
  uint16: { least: 0n, most: 2n ** 16n - 1n },
  uint32: { least: 0n, most: 2n ** 32n - 1n },
  uint64: { least: 0n, most: 2n ** 64n - 1n },
  int: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
  int64: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
};

/** What an integer type of Go can hold. */
export function integerRange(go: string): { least: bigint; most: bigint } {
  return integerRanges[go] ?? { least: 0n, most: 0n };
}

/** Any JSON, passed through unchanged. */
export const any: Scalar<unknown> = scalar("any", "interface {}");
/** A list of strings that may be written as one string (`Cmd`, `Entrypoint`). */
export const stringOrList: Scalar<string[]> = scalar("strings", "[]string");

/** A string of which the usual values are known; others are not refused, as in Go. */
export function stringOf<const T extends string>(..._known: T[]): Scalar<T> {
  return scalar("string", "string");
}

export const list = <T>(of: Schema<T>): List<T[]> => ({ kind: "list", of });
export const map = <T>(of: Schema<T>): Dict<Record<string, T>> => ({ kind: "map", of });
/** A pointer in Go: `null` is kept apart from the zero value. */
export const nullable = <T>(of: Schema<T>): Nullable<T | null> => ({ kind: "nullable", of });

/** Left out of the output when empty: zero, "", false, an empty list or map, null. Optional in the type. */
export const optional = <S extends Schema>(of: S): Field<S, true> => ({ kind: "field", of, optional: true });

type SchemaOf<E> = E extends Field<infer S> ? S : E extends Schema ? E : never;

/** Shown only to clients of API version `version` and later. */
export function since<E extends Schema | Field>(version: string, of: E): Field<SchemaOf<E>, true> {
  return { ...gated(of), since: version };
}

/** Shown only to clients of API version `version` and before. */
export function until<E extends Schema | Field>(version: string, of: E): Field<SchemaOf<E>, true> {
  return { ...gated(of), until: version };
}

/** Left out when empty, but for clients of API version `version` and before, who get the zero value. */
export function optionalAfter<S extends Schema>(version: string, of: S): Field<S, true> {
  return { ...optional(of), zeroUntil: version };
}

/** A field that only clients of API version `version` and before get, always with its zero value. */
export function zeroUntil<S extends Schema>(version: string, of: S): Field<S, true> {
  return { ...optional(of), until: version, zeroUntil: version };
}

function gated<E extends Schema | Field>(entry: E): Field<SchemaOf<E>, true> {
  const field = entry.kind === "field" ? entry : { kind: "field", of: entry, keepZero: true };
  return { ...field, optional: true } as Field<SchemaOf<E>, true>;
}

/** The field that `entry` is, or the plain one that a bare schema stands for. */
export function asField(entry: Schema | Field): Field {
  return entry.kind === "field" ? entry : { kind: "field", of: entry, optional: false };
}

/**
 * A struct whose fields are all present, but those marked `optional`: what the daemon answers. `fields` is a function,
 * called on first use: a client that starts for one call does not build the whole contract.
 */
export function struct<const F extends Fields>(name: string, fields: () => F): Struct<CompleteShape<F>, F> {
  return new LazyStruct(name, fields, true);
}

/** A struct whose every field may be absent, meaning the zero value: what clients send. */
export function input<const F extends Fields>(name: string, fields: () => F): Struct<PartialShape<F>, F> {
  return new LazyStruct(name, fields, false);
}

class LazyStruct<F extends Fields> {
  readonly kind = "struct";
  readonly name: string;
  readonly complete: boolean;
  readonly #make: () => F;
  #made: F | undefined;

  constructor(name: string, make: () => F, complete: boolean) {
    this.name = name;
    this.complete = complete;
    this.#make = make;
  }

  get fields(): F {
    this.#made ??= this.#make();
    return this.#made;
  }
}
