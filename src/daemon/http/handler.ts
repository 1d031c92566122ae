import type { Duplex } from "node:stream";
import type { Wire } from "../../api/http2/frame-writer.ts";
import type { AuthConfig } from "../../api/images.ts";
import type { BodyOf, KindOf, OperationId, ParamsOf, QueryOf, ResultOf } from "../../api/operations.ts";

/** A request, decoded and checked against the operation's declaration. */
export interface ApiRequest<Id extends OperationId = OperationId> {
  readonly operation: Id;
  readonly params: ParamsOf<Id>;
  readonly query: QueryOf<Id>;
  readonly body: BodyOf<Id>;
  /** The API version that the client speaks: `1.47`. */
  readonly version: string;
  /** True when the client speaks `version` or a later one. */
  atLeast(version: string): boolean;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** From `X-Registry-Auth`, where the operation takes it. */
  readonly registryAuth: AuthConfig | undefined;
  /** Fires when the client is gone; its half-close alone does not fire it. */
  readonly signal: AbortSignal;
}

/** What a handler may say about its answer besides the value. */
export interface Reply {
  /** Sets a header; before the first byte of the body. */
  header(name: string, value: string): void;
  /** Replaces the operation's own status. */
  status(code: number): void;
}

/**
 * JSON values one after another. Until something was sent or flushed, a thrown error becomes an ordinary error answer.
 */
export interface MessagesReply<T> extends Reply {
  /**
   * Sends one value; resolves when the client can take more. Never rejects: a client that is gone is told by `signal`.
   */
  send(message: T): Promise<void>;
  /** Sends status and headers now. */
  flush(): void;
}

export type HijackFormat = "raw" | "multiplexed";

export interface HijackReply extends Reply {
  /**
   * Takes over the connection: answers `101 UPGRADED` (or 200 to a client that did not ask for an upgrade) and returns
   * the raw connection. Its readable side ends when the client half-closes; the handler ends the writable side.
   * A plain `for await` over it closes both sides at its end: use `iterator({ destroyOnReturn: false })`. The
   * connection is closed when the handler's promise resolves. The content type follows `format`, from API 1.42 on.
   */
  hijack(format: HijackFormat): Duplex;
  /**
   * As `hijack`, for another protocol that the client has asked for by `Upgrade`: answers `101` with its name, and returns
   * the bare connection, which is closed when the handler's promise resolves.
   */
  upgrade(): Wire;
}

type Answers<Id extends OperationId> = {
  json: (request: ApiRequest<Id>, reply: Reply) => Promise<ResultOf<Id>> | ResultOf<Id>;
  text: (request: ApiRequest<Id>, reply: Reply) => Promise<string> | string;
  empty: (request: ApiRequest<Id>, reply: Reply) => Promise<void> | void;
  messages: (request: ApiRequest<Id>, reply: MessagesReply<ResultOf<Id>>) => Promise<void>;
  /** What was opened for the iteration is closed by its `return()`, which is called when the client goes. */
  stream: (
    request: ApiRequest<Id>,
    reply: Reply,
  ) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>;
  hijack: (request: ApiRequest<Id>, reply: HijackReply) => Promise<void>;
};

/** Carries out one operation. Throws `EngineError`s for what can be expected to fail. */
export type Handler<Id extends OperationId> = Answers<Id>[KindOf<Id>];

/** Handlers by operation; an operation without one answers 501. */
export type Handlers = { readonly [Id in OperationId]?: Handler<Id> };

/** Declares the handlers of one resource, with the types of their requests and answers. */
export function defineHandlers(handlers: Handlers): Handlers {
  return handlers;
}
