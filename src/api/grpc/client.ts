/** gRPC (grpc.io, PROTOCOL-HTTP2) as a client over a connection that is there already. */
import { unavailable } from "../../base/errors.ts";
import type { Message } from "../../base/protobuf.ts";
import type { Wire } from "../http2/frame-writer.ts";
import type { Fields } from "../http2/hpack.ts";
import { errorCodes } from "../http2/protocol-error.ts";
import { Http2Session } from "../http2/session.ts";
import type { Http2Stream } from "../http2/stream.ts";
import { frame, messagesOf } from "./frames.ts";
import { errorOf } from "./status.ts";

export class GrpcClient {
  readonly #session: Http2Session;
  /** Fires when the connection is gone. */
  readonly closed: AbortSignal;

  constructor(wire: Wire) {
    const closed = new AbortController();
    this.closed = closed.signal;
    this.#session = new Http2Session(wire);
    void this.#session.closed.then(() => closed.abort());
  }

  /** Begins a call. Ends it when `signal` fires. */
  open(path: string, metadata: Fields, signal: AbortSignal): GrpcCall {
    if (!this.#session.isOpen) throw gone();
    const stream = this.#session.request({
      ":method": ["POST"],
      ":scheme": ["http"],
      ":path": [path],
      ":authority": ["localhost"],
      "content-type": ["application/grpc"],
      te: ["trailers"],
      ...metadata,
    });
    return new GrpcCall(stream, signal);
  }

  /** One message each way. Throws `GrpcError`. */
  async call<Q, A>(
    path: string,
    [Request, value]: readonly [Message<Q>, Partial<Q>],
    Answer: Message<A>,
    signal: AbortSignal,
  ): Promise<A> {
    const call = this.open(path, {}, signal);
    void call.send(Request.encode(value));
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
  readonly #stream: Http2Stream;
  #reason: Error | undefined;

  constructor(stream: Http2Stream, signal: AbortSignal) {
    this.#stream = stream;
    const abort = () => {
      this.#reason = signal.reason instanceof Error ? signal.reason : gone();
      this.destroy();
    };
    signal.addEventListener("abort", abort, { once: true });
    stream.whenOver(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  }

  /** True when nothing that is sent arrives any more. */
  get isOver(): boolean {
    return this.#stream.isOver;
  }

  /** Sends a message; resolves when more can be sent. What goes wrong is told by `messages`. */
  send(message: Uint8Array): Promise<void> {
    return this.#stream.send(frame(message));
  }

  /** No more messages from here. */
  end(): void {
    this.#stream.end();
  }

  /** What the other side sends; throws `GrpcError` where it ends with one. */
  async *messages(): AsyncGenerator<Buffer> {
    let failure: unknown;
    let hasEnded = false;
    try {
      yield* messagesOf(this.#stream);
      hasEnded = true;
    } catch (error) {
      failure = error;
    } finally {
      if (!hasEnded) this.destroy();
    }
    const { trailers } = this.#stream;
    const error = trailers && errorOf(trailers);
    if (error !== undefined) throw error;
    if (trailers === undefined) throw this.#reason ?? failure ?? gone();
    if (failure !== undefined) throw failure;
  }

  destroy(): void {
    this.#stream.reset(errorCodes.cancel);
  }
}
