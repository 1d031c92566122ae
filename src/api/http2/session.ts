/** HTTP/2 (RFC 9113) over a connection that is there already, as far as gRPC needs it: no push, no priorities. */
import { unavailable } from "../../base/errors.ts";
import { FieldBlocks } from "./field-blocks.ts";
import { FrameWriter, type Wire } from "./frame-writer.ts";
import { content, type Frame, FrameReader, flags, frameTypes, number, numberOf, preface } from "./frames.ts";
import { encodeFields, type Fields } from "./hpack.ts";
import { errorCodes, ProtocolError, protocolError } from "./protocol-error.ts";
import {
  changedSettings,
  initialSettings,
  initialWindow,
  largestWindow,
  maxStreams,
  ourSettings,
} from "./settings.ts";
import { Http2Stream, type StreamLink, windowBytes } from "./stream.ts";

/** A request that came in. */
export type OnRequest = (stream: Http2Stream, fields: Fields) => void;

export class Http2Session {
  /** Resolves when the connection is over, whatever ended it. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #writer: FrameWriter;
  readonly #reader = new FrameReader();
  readonly #blocks = new FieldBlocks();
  readonly #link: StreamLink;
  readonly #streams = new Map<number, Http2Stream>();
  /** Undefined for a client. */
  readonly #onRequest: OnRequest | undefined;
  #lastId: number;
  #isOver = false;
  #isLeaving = false;
  #sendWindow = initialWindow;
  #peer = initialSettings;
  #received = 0;

  /** `onRequest`: makes this the server. */
  constructor(wire: Wire, onRequest?: OnRequest) {
    this.#wire = wire;
    this.#writer = new FrameWriter(wire);
    this.#onRequest = onRequest;
    this.#lastId = onRequest === undefined ? -1 : 0;
    this.#link = this.#linkOf();
    if (onRequest === undefined) this.#writer.raw(preface);
    this.#writer.frame(frameTypes.settings, 0, 0, ourSettings(onRequest === undefined));
    this.#giveBack(windowBytes - initialWindow);
    this.closed = this.#run();
  }

  /** False when no request can be made any more. */
  get isOpen(): boolean {
    return !this.#isOver && !this.#isLeaving;
  }

  /** Begins a request. */
  request(fields: Fields): Http2Stream {
    if (!this.isOpen) throw unavailable("the connection is gone");
    this.#lastId += 2;
    const stream = this.#add(this.#lastId);
    stream.sendFields(fields);
    return stream;
  }

  /** Cuts the connection. */
  close(): void {
    this.#end(unavailable("the connection was closed"));
  }

  #add(id: number): Http2Stream {
    const stream = new Http2Stream(this.#link, id, this.#peer.window);
    this.#streams.set(id, stream);
    return stream;
  }

  #linkOf(): StreamLink {
    const writer = this.#writer;
    return {
      data: (id, data, window, isLast) => this.#data(id, data, window, isLast),
      fields: (id, fields, isLast) => this.#fields(id, fields, isLast),
      reset: (id, code) => writer.frame(frameTypes.reset, 0, id, number(code)),
      readBytes: (id, bytes) => writer.frame(frameTypes.window, 0, id, number(bytes)),
      get room() {
        return writer.room;
      },
      over: ({ id }) => void this.#streams.delete(id),
    };
  }

  #data(id: number, data: Uint8Array, window: number, isLast: boolean): number {
    let sent = 0;
    for (;;) {
      const least = Math.min(window - sent, this.#sendWindow, this.#peer.frame, data.length - sent);
      const room = Math.max(least, 0);
      if (room === 0 && sent < data.length) return sent;
      const piece = data.subarray(sent, sent + room);
      sent += room;
      this.#sendWindow -= room;
      const isEnd = sent === data.length;
      if (room > 0 || isLast)
        this.#writer.frame(frameTypes.data, isEnd && isLast ? flags.endStream : 0, id, piece);
      if (isEnd) return sent;
    }
  }

  #fields(id: number, fields: Fields, isLast: boolean): void {
    const block = encodeFields(fields);
    const size = this.#peer.frame;
    let type: number = frameTypes.headers;
    for (let at = 0; at === 0 || at < block.length; at += size) {
      const end = at + size >= block.length ? flags.endHeaders : 0;
      const last = isLast && at === 0 ? flags.endStream : 0;
      this.#writer.frame(type, end | last, id, block.subarray(at, at + size));
      type = frameTypes.continuation;
    }
  }

  async #run(): Promise<void> {
    let reason: Error = unavailable("the connection is gone");
    try {
      let isBegun = this.#onRequest === undefined;
      for (let bytes = await this.#wire.read(); bytes !== undefined; bytes = await this.#wire.read()) {
        this.#reader.push(bytes);
        isBegun ||= this.#begins();
        if (!isBegun) continue;
        for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
          this.#take(frame);
        }
        if (this.#isOver) return;
      }
    } catch (error) {
      if (error instanceof ProtocolError) await this.#complain(error);
      reason = error instanceof Error ? error : reason;
    }
    this.#end(reason);
  }

  /** False as long as the client has not said all of its greeting. */
  #begins(): boolean {
    const said = this.#reader.take(preface.length);
    if (said !== undefined && !said.equals(preface)) throw protocolError("the client does not speak it");
    return said !== undefined;
  }

  async #complain(error: ProtocolError): Promise<void> {
    const last = this.#onRequest === undefined ? 0 : this.#lastId;
    const payload = Buffer.concat([number(last), number(error.code), Buffer.from(error.message)]);
    this.#writer.frame(frameTypes.goAway, 0, 0, payload);
    await this.#writer.drained();
  }

  #end(reason: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of [...this.#streams.values()]) stream.fail(reason);
    this.#wire.destroy();
  }

  #take(frame: Frame): void {
    const { type, id, payload } = frame;
    this.#blocks.check(frame);
    switch (type) {
      case frameTypes.data:
        this.#takeData(frame);
        break;
      case frameTypes.headers:
      case frameTypes.continuation:
        this.#takeFields(frame);
        break;
      case frameTypes.reset:
        this.#streams.get(id)?.onReset(numberOf(payload));
        break;
      case frameTypes.settings:
        if ((frame.flags & flags.ack) === 0) this.#takeSettings(payload);
        break;
      case frameTypes.push:
        throw protocolError("a push");
      case frameTypes.ping:
        if ((frame.flags & flags.ack) === 0) this.#writer.frame(frameTypes.ping, flags.ack, 0, payload);
        break;
      case frameTypes.goAway:
        this.#isLeaving = true;
        break;
      case frameTypes.window:
        this.#takeWindow(id, numberOf(payload) & largestWindow);
        break;
      default:
      // Priorities, and what is not known, have no meaning here.
    }
  }

  #takeData(frame: Frame): void {
    const { id, payload } = frame;
    this.#received += payload.length;
    // Each stream has a window of its own; the connection's holds nobody up.
    if (this.#received >= windowBytes / 2) {
      this.#giveBack(this.#received);
      this.#received = 0;
    }
    const isEnd = (frame.flags & flags.endStream) !== 0;
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.onData(content(frame), payload.length, isEnd);
    else if (id === 0 || id > this.#lastId) throw protocolError("data of a stream that there is not");
  }

  #giveBack(bytes: number): void {
    this.#writer.frame(frameTypes.window, 0, 0, number(bytes));
  }

  #takeFields(frame: Frame): void {
    const block = this.#blocks.take(frame);
    if (block === undefined) return;
    const { id, fields, isLast } = block;
    const known = this.#streams.get(id);
    if (known !== undefined) known.onFields(fields, isLast);
    // Those of a stream that has ended here come late.
    else if (id > this.#lastId || id === 0) this.#begin(id, fields, isLast);
  }

  #begin(id: number, fields: Fields, isLast: boolean): void {
    if (this.#onRequest === undefined || id % 2 === 0) throw protocolError(`a stream ${id}`);
    this.#lastId = id;
    if (this.#streams.size >= maxStreams) {
      this.#link.reset(id, errorCodes.refused);
      return;
    }
    const stream = this.#add(id);
    if (isLast) stream.onFields(fields, true);
    this.#onRequest(stream, fields);
  }

  #takeSettings(payload: Buffer): void {
    const { window } = this.#peer;
    this.#peer = changedSettings(this.#peer, payload);
    const more = this.#peer.window - window;
    if (more !== 0) for (const stream of this.#streams.values()) stream.onWindow(more);
    this.#writer.frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0));
  }

  #takeWindow(id: number, bytes: number): void {
    if (id !== 0) {
      this.#streams.get(id)?.onWindow(bytes);
      return;
    }
    this.#sendWindow += bytes;
    for (const stream of [...this.#streams.values()]) stream.pump();
  }
}
