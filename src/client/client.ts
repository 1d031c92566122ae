import type { AuthConfig } from "../api/images.ts";
import type {
  BodyOf,
  OperationId,
  OperationOf,
  Operations,
  ParamsOf,
  QueryOf,
  ResultOf,
} from "../api/operations.ts";

type BodyOption<Id extends OperationId> = Operations[Id]["body"]["kind"] extends "stream"
  ? { body?: AsyncIterable<Uint8Array> | undefined }
  : undefined extends BodyOf<Id>
    ? { body?: BodyOf<Id> }
    : { body: BodyOf<Id> };

/** What a call needs is required by its type: path parameters and a body, where the operation has them. */
export type CallOptions<Id extends OperationId> = ([keyof ParamsOf<Id>] extends [never]
  ? { params?: undefined }
  : { params: ParamsOf<Id> }) &
  BodyOption<Id> & {
    query?: { [K in keyof QueryOf<Id>]?: QueryOf<Id>[K] | undefined };
    headers?: Record<string, string>;
    /** Sent as `X-Registry-Auth`; a string is taken as encoded already. */
    registryAuth?: AuthConfig | string;
    /** Cuts the connection. */
    signal?: AbortSignal;
  };

/** The options may be left out where nothing in them is required. */
export type CallArguments<Id extends OperationId> =
  Record<never, never> extends CallOptions<Id> ? [options?: CallOptions<Id>] : [options: CallOptions<Id>];

/** An answer whose body is still to be read. Leaving the iteration early cuts the connection. */
export interface Streamed<T> extends AsyncIterable<T> {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A connection that was taken over: bytes in both directions. */
export interface Hijacked extends Streamed<Uint8Array> {
  /** True when standard output and error are framed in one stream. */
  readonly multiplexed: boolean;
  /** Resolves when the connection can take more; rejects when it is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Half-closes: the other side sees the end of input, its output flows on. */
  closeWrite(): void;
  /** Cuts the connection. */
  close(): void;
}

/**
 * An Engine API client. Errors: `EngineError` with the daemon's message and the code of its status; `unavailable`
 * with Docker's wording when the daemon cannot be reached.
 */
export interface Client extends AsyncDisposable {
  /** The daemon's address as the user gave it: `unix:///var/run/docker.sock`. */
  readonly host: string;
  /** The API version agreed on; asks the daemon when no call has told it yet. */
  negotiate(): Promise<string>;
  /** What the daemon says of itself in the headers of `/_ping`, by lower-case name; it is asked once. */
  ping(): Promise<Readonly<Record<string, string>>>;
  /** For operations that answer with one value. */
  call<Id extends OperationOf<"json" | "text" | "empty">>(
    id: Id,
    ...options: CallArguments<Id>
  ): Promise<ResultOf<Id>>;
  /** As `call`, and gives the daemon's JSON as it came: unknown fields and the order of keys are kept. */
  callRaw<Id extends OperationOf<"json">>(id: Id, ...options: CallArguments<Id>): Promise<string>;
  /**
   * The headers of an answer, whose body is skipped: `ContainerArchiveInfo`, a detached `ExecStart`.
   */
  callHead<Id extends OperationOf<"empty" | "text" | "hijack">>(
    id: Id,
    ...options: CallArguments<Id>
  ): Promise<Readonly<Record<string, string>>>;
  /** Resolves when the daemon has begun to answer; then each JSON value as it arrives. */
  messages<Id extends OperationOf<"messages">>(
    id: Id,
    ...options: CallArguments<Id>
  ): Promise<Streamed<ResultOf<Id>>>;
  /** Resolves when the daemon has begun to answer; then the bytes as they arrive. */
  stream<Id extends OperationOf<"stream">>(
    id: Id,
    ...options: CallArguments<Id>
  ): Promise<Streamed<Uint8Array>>;
  /** Takes over a connection of its own (attach, exec). */
  hijack<Id extends OperationOf<"hijack">>(id: Id, ...options: CallArguments<Id>): Promise<Hijacked>;
}

/** PEM files for a TLS connection. */
export interface ClientTls {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  /** False: the daemon's certificate is not checked (`--tls` without `--tlsverify`). */
  verify: boolean;
}

/** For `createClient` of `create.ts`. */
export interface ClientOptions {
  /** `unix:///path`, `tcp://host:port`, `ssh://user@host[:port][/path]`; default `unix:///var/run/docker.sock`. */
  host?: string | undefined;
  tls?: ClientTls | undefined;
  /** Fixes the API version (`DOCKER_API_VERSION`) instead of negotiating it. */
  version?: string | undefined;
  /** Sent with every request (`HttpHeaders` of config.json). */
  headers?: Record<string, string> | undefined;
  userAgent?: string | undefined;
}
