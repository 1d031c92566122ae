import type { Schema, Typed } from "./schema.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** By key, the values of which one must match: `{"label": ["a=b"], "status": ["running"]}`. */
export type Filters = Record<string, string[]>;

export type ParamKind = "string" | "bool" | "int" | "strings" | "filters" | "json";

/** A query parameter. T is what a handler sees; parameters that the API version does not know are as if absent. */
export interface Param<T = unknown> extends Typed<T> {
  readonly kind: ParamKind;
  readonly since?: string;
  readonly byDefault?: unknown;
  /** Only of numbers: absent is an error. */
  readonly required?: boolean;
}

const param = <T>(kind: ParamKind, byDefault?: unknown): Param<T> => ({ kind, byDefault });

/** Makers of query parameters. */
export const query = {
  /** "" when absent. */
  string: param<string>("string", ""),
  /** Docker's rule: absent, "", 0, no, false and none are false, all else is true. */
  bool: param<boolean>("bool", false),
  /** As `bool`, and true when absent. */
  boolTrue: param<boolean>("bool", true),
  int: param<number | undefined>("int"),
  /** A number that must be given. */
  requiredInt: { ...param<number>("int"), required: true } as Param<number>,
  /** A parameter that may be repeated. */
  strings: param<string[]>("strings", []),
  filters: param<Filters>("filters", {}),
  /** JSON in a parameter. */
  json: <T>() => param<T | undefined>("json"),
  since: <T>(version: string, of: Param<T>): Param<T> => ({ ...of, since: version }),
};

export type Params = Readonly<Record<string, Param>>;

export type EmptyBody = "zero" | "refused" | "absent";

/**
 * - `none`: no body is read.
 * - `json`: a JSON body, decoded by the schema; `empty` says what no body means: a struct of zero values, an error, or
 *   `undefined`.
 * - `stream`: the body's bytes, as they arrive.
 */
export type Body<T = unknown> =
  | ({ readonly kind: "none" } & Typed<T>)
  | ({ readonly kind: "json"; readonly schema: Schema; readonly empty: EmptyBody } & Typed<T>)
  | ({ readonly kind: "stream" } & Typed<T>);

/** How an operation answers. */
export type ResponseKind = "json" | "text" | "empty" | "messages" | "stream" | "hijack";

/** T: the value of `json`, one message of `messages`. */
export interface Response<T = unknown, K extends ResponseKind = ResponseKind> extends Typed<T> {
  readonly kind: K;
  readonly status: number;
  readonly schema?: Schema;
  /** Content type, where the kind does not say it. */
  readonly contentType?: string;
}

/** Makers of responses. */
export const answers = {
  json: <T>(schema: Schema<T>, status = 200): Response<T, "json"> => ({ kind: "json", status, schema }),
  /** No body; `status` is 204 for most. */
  empty: (status = 204): Response<undefined, "empty"> => ({ kind: "empty", status }),
  text: (contentType = "text/plain; charset=utf-8"): Response<string, "text"> => ({
    kind: "text",
    status: 200,
    contentType,
  }),
  /** JSON values one after another, sent as they happen. */
  messages: <T>(schema: Schema<T>): Response<T, "messages"> => ({ kind: "messages", status: 200, schema }),
  /** Bytes. */
  stream: (contentType: string): Response<Uint8Array, "stream"> => ({
    kind: "stream",
    status: 200,
    contentType,
  }),
  /** The connection becomes a raw stream in both directions. */
  hijack: (): Response<Uint8Array, "hijack"> => ({ kind: "hijack", status: 101 }),
};

export interface Operation {
  readonly method: Method;
  /** `/containers/{id}/json`; `{name:.*}` may hold slashes. */
  readonly path: string;
  /** First and last API version that has the operation. */
  readonly since?: string;
  readonly until?: string;
  readonly query: Params;
  readonly body: Body;
  readonly response: Response;
  /** Takes credentials for a registry in `X-Registry-Auth`. */
  readonly registryAuth: boolean;
}

type ParamName<Segment> = Segment extends `${infer Name}:${string}` ? Name : Segment;
/** The names in a path template. */
export type PathParams<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? ParamName<Name> | PathParams<Rest>
  : never;

type Spec = {
  readonly since?: string;
  readonly until?: string;
  readonly query?: Params;
  readonly body?: Body;
  readonly response: Response;
  readonly registryAuth?: boolean;
};
type NoBody = { readonly kind: "none" } & Typed<undefined>;

/** An operation with everything that its declaration says, in its type. */
export interface Declared<M extends Method, P extends string, S extends Spec> extends Operation {
  readonly method: M;
  readonly path: P;
  readonly query: S["query"] extends Params ? S["query"] : Record<never, Param>;
  readonly body: S["body"] extends Body ? S["body"] : NoBody;
  readonly response: S["response"];
}

const declare =
  <M extends Method>(method: M) =>
  <const P extends string, const S extends Spec>(path: P, spec: S): Declared<M, P, S> =>
    ({
      query: {},
      body: { kind: "none" },
      registryAuth: false,
      ...spec,
      method,
      path,
    }) as unknown as Declared<M, P, S>;

export const get = declare("GET");
export const head = declare("HEAD");
export const post = declare("POST");
export const put = declare("PUT");
export const del = declare("DELETE");

type JsonBody<T> = { readonly kind: "json"; readonly schema: Schema; readonly empty: EmptyBody } & Typed<T>;

/** A JSON body; no body means a struct of zero values. */
export const json = <T>(schema: Schema<T>): JsonBody<T> => ({ kind: "json", schema, empty: "zero" });
/** A JSON body; a request without one is refused. */
export const requiredJson = <T>(schema: Schema<T>): JsonBody<T> => ({
  kind: "json",
  schema,
  empty: "refused",
});
/** A JSON body that may be left out. */
export const optionalJson = <T>(schema: Schema<T>): JsonBody<T | undefined> => ({
  kind: "json",
  schema,
  empty: "absent",
});
export const streamBody: { readonly kind: "stream" } & Typed<AsyncIterable<Uint8Array>> = { kind: "stream" };
