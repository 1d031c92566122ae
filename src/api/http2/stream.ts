import { unavailable } from "../../base/errors.ts";
import type { Fields } from "./hpack.ts";
import { errorCodes, ProtocolError } from "./protocol-error.ts";

/** What either side takes of a stream before it is read here. Bytes. */
export const windowBytes = 4 * 1024 * 1024;

/** What a stream needs of its connection. */
export interface StreamLink {
  /** Sends as much of `data` as the connection and `window` have room for: how much. */
  data(id: number, data: Uint8Array, window: number, isLast: boolean): number;
  fields(id: number, fields: Fields, isLast: boolean): void;
  reset(id: number, code: number): void;
  /** What was read of the stream. */
  readBytes(id: number, bytes: number): void;
  /** Undefined when the connection can take more. */
  readonly room: Promise<void> | undefined;
  /** Both sides have ended. */
  over(stream: Http2Stream): void;
}

/** What waits for room: content, or the fields that end the stream. */
type Outgoing = { data: Uint8Array; isLast: boolean } | { fields: Fields };

/** One request and its answer, from either side. */
export class Http2Stream {
  readonly id: number;
  /** The fields that ended it, where the other side has sent such. */
  trailers: Fields | undefined;
  readonly #link: StreamLink;
  #sendWindow: number;
  #receiveWindow = windowBytes;
  #outgoing: Outgoing[] = [];
  #incoming: Buffer[] = [];
  #read = 0;
  #hasEnded = false;
  #otherHasEnded = false;
  #failure: Error | undefined;
  #isInputStopped = false;
  #isOver = false;
  #wakeReader: (() => void) | undefined;
  #waiting: (() => void)[] = [];
  #onOver: (() => void)[] = [];

  constructor(link: StreamLink, id: number, sendWindow: number) {
    this.#link = link;
    this.id = id;
    this.#sendWindow = sendWindow;
  }

  /** True when nothing that is sent arrives any more. */
  get isOver(): boolean {
    return this.#isOver || this.#hasEnded;
  }

  /** Calls `listener` when both sides have ended, or when the stream was cut; at once where that has happened. */
  whenOver(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#onOver.push(listener);
  }

  sendFields(fields: Fields): void {
    if (!this.isOver) this.#link.fields(this.id, fields, false);
  }

  /** Resolves when more can be sent; at once when the stream is over. */
  async send(data: Uint8Array): Promise<void> {
    if (this.isOver) return;
    this.#push({ data, isLast: false });
    if (this.#outgoing.length > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else await this.#link.room;
  }

  /** Nothing more comes from here, but these fields where there are some. */
  end(fields?: Fields): void {
    if (this.isOver) return;
    this.#hasEnded = true;
    this.#push(fields === undefined ? { data: new Uint8Array(), isLast: true } : { fields });
  }

  #push(outgoing: Outgoing): void {
    this.#outgoing.push(outgoing);
    if (this.#outgoing.length === 1) this.pump();
  }

  /** Sends what there is room for. */
  pump(): void {
    for (let next = this.#outgoing[0]; next !== undefined; next = this.#outgoing[0]) {
      if ("fields" in next) this.#link.fields(this.id, next.fields, true);
      else {
        const sent = this.#link.data(this.id, next.data, this.#sendWindow, next.isLast);
        this.#sendWindow -= sent;
        if (sent < next.data.length) {
          next.data = next.data.subarray(sent);
          return;
        }
      }
      this.#outgoing.shift();
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (this.#hasEnded && this.#otherHasEnded) this.#finish();
    else if (this.#isInputStopped) this.reset(errorCodes.none);
  }

  /** What has come since the last call; undefined at the end. Throws where the stream was cut. One reader at a time. */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const [first, ...more] = this.#incoming;
      if (first !== undefined) {
        this.#incoming = [];
        const bytes = more.length === 0 ? first : Buffer.concat([first, ...more]);
        this.#giveBack(bytes.length);
        return bytes;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#otherHasEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** Lets the other side send as much again. */
  #giveBack(bytes: number): void {
    this.#read += bytes;
    if (this.#read < windowBytes / 2 || this.#otherHasEnded) return;
    this.#receiveWindow += this.#read;
    this.#link.readBytes(this.id, this.#read);
    this.#read = 0;
  }

  /** Nothing that still comes is wanted: once all is sent, the other side need not go on. */
  stopInput(): void {
    if (this.#otherHasEnded || this.#isOver) return;
    this.#isInputStopped = true;
    if (this.#outgoing.length === 0) this.reset(errorCodes.none);
  }

  /** Cuts it off; `code`: of `errorCodes`. */
  reset(code: number): void {
    if (this.#isOver) return;
    this.#link.reset(this.id, code);
    this.fail(unavailable("the call was ended"));
  }

  /** The other side has sent fields: the first are told by the session, the last are kept here. */
  onFields(fields: Fields, isLast: boolean): void {
    if (!isLast) return;
    this.trailers = fields;
    this.#onEnd();
  }

  /** `length`: with the padding. */
  onData(data: Buffer, length: number, isLast: boolean): void {
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) throw new ProtocolError(errorCodes.flowControl, "more than was allowed");
    if (length > data.length) this.#giveBack(length - data.length);
    if (data.length > 0) this.#incoming.push(data);
    if (isLast) this.#onEnd();
    else this.#wake();
  }

  onWindow(bytes: number): void {
    this.#sendWindow += bytes;
    this.pump();
  }

  #onEnd(): void {
    this.#otherHasEnded = true;
    this.#wake();
    if (this.#hasEnded && this.#outgoing.length === 0) this.#finish();
  }

  /** The other side has cut it off: an answer that came as a whole stays one. */
  onReset(code: number): void {
    if (!this.#otherHasEnded) this.fail(unavailable(`the other side has ended the call (${code})`));
    else this.#stop();
  }

  /** The stream is gone, or the connection. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#failure ??= error;
    this.#wake();
    this.#stop();
  }

  #stop(): void {
    this.#outgoing = [];
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#link.over(this);
    for (const listener of this.#onOver.splice(0)) listener();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}
