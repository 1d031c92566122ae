/** gRPC (grpc.io, PROTOCOL-HTTP2) as a client over a connection that is there already. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Duplex } from "node:stream";
import { unavailable } from "../../base/errors.ts";
import type { Message } from "../../base/protobuf.ts";
import { frame, messagesOf } from "./frames.ts";
import { errorOf } from "./status.ts";

/** Header fields; a field may come several times. */
export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** What the other side may send before it is read. */
const windowBytes = 4 * 1024 * 1024;

export class GrpcClient {
  readonly #session: ClientHttp2Session;
  /** Fires when the connection is gone. */
  readonly closed: AbortSignal;

  constructor(connection: Duplex) {
    const closed = new AbortController();
    this.closed = closed.signal;
    this.#session = connect("http://localhost", {
      createConnection: () => connection,
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
    // Its calls fail with it, and tell.
    this.#session.on("error", () => {});
    this.#session.on("connect", () => this.#session.setLocalWindowSize?.(windowBytes));
    this.#session.on("close", () => closed.abort());
    connection.on("close", () => closed.abort());
  }

  /** Begins a call. Ends it when `signal` fires. */
  open(path: string, metadata: Metadata, signal: AbortSignal): GrpcCall {
    if (this.closed.aborted || this.#session.closed) throw gone();
    return new GrpcCall(this.#session, path, metadata, AbortSignal.any([signal, this.closed]));
  }

  /** One message each way. Throws `GrpcError`. */
  async call<Q, A>(
    path: string,
    [Request, value]: readonly [Message<Q>, Partial<Q>],
    Answer: Message<A>,
    signal: AbortSignal,
  ): Promise<A> {
    const call = this.open(path, {}, signal);
    await call.send(Request.encode(value));
    call.end();
    let answer: A | undefined;
    for await (const message of call.messages()) answer = Answer.decode(message);
    return answer ?? Answer.decode(new Uint8Array());
  }

  close(): void {
    this.#session.close();
  }
}

const gone = () => unavailable("the client's session is gone");

/** A call under way: messages both ways until each side has ended. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream;
  #trailers: Record<string, unknown> | undefined;
  #failure: unknown;

  constructor(session: ClientHttp2Session, path: string, metadata: Metadata, signal: AbortSignal) {
    this.#stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(metadata as Record<string, string | string[]>),
    });
    // An answer without a body has its trailers in front.
    this.#stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) this.#trailers = headers;
    });
    this.#stream.on("trailers", (trailers) => {
      this.#trailers = trailers;
    });
    this.#stream.on("error", (error) => {
      this.#failure ??= error;
    });
    const abort = () => this.#stream.destroy(signal.reason instanceof Error ? signal.reason : gone());
    signal.addEventListener("abort", abort, { once: true });
    this.#stream.on("close", () => signal.removeEventListener("abort", abort));
  }

  /** True when nothing that is sent arrives any more. */
  get isOver(): boolean {
    return this.#stream.destroyed || this.#stream.writableEnded;
  }

  /** Sends a message; resolves when more can be sent. What goes wrong is told by `messages`. */
  async send(message: Uint8Array): Promise<void> {
    if (this.isOver) return;
    if (this.#stream.write(frame(message))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#stream.off("drain", done);
        this.#stream.off("close", done);
        resolve();
      };
      this.#stream.on("drain", done);
      this.#stream.on("close", done);
    });
  }

  /** No more messages from here. */
  end(): void {
    if (!this.#stream.destroyed) this.#stream.end();
  }

  /** What the other side sends; throws `GrpcError` where it ends with one. */
  async *messages(): AsyncGenerator<Buffer> {
    try {
      yield* messagesOf(this.#stream);
    } catch (error) {
      this.#failure ??= error;
    } finally {
      if (!this.#stream.destroyed && !this.#stream.readableEnded) this.#stream.destroy();
    }
    const error = this.#trailers && errorOf(this.#trailers);
    if (error !== undefined) throw error;
    if (this.#trailers === undefined) throw this.#failure ?? gone();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
