/** HTTP/2 (RFC 9113) over a connection that is there already, as far as gRPC needs it: no push, no priorities. */
import { unavailable } from "../../base/errors.ts";
import { FrameWriter, type Wire } from "./frame-writer.ts";
import {
  content,
  type Frame,
  FrameReader,
  flags,
  frameTypes,
  leastMaxFrame,
  maxFrame,
  preface,
  settings,
} from "./frames.ts";
import { encodeFields, FieldDecoder, type Fields } from "./hpack.ts";
import { errorCodes, ProtocolError, protocolError } from "./protocol-error.ts";
import { Http2Stream, type StreamLink, windowBytes } from "./stream.ts";

/** Requests that may be under way at the same time. */
const maxStreams = 250;
/** The header fields of one request or answer. Bytes. */
const maxFields = 1024 * 1024;
/** What each side may send when nothing else was agreed upon. Bytes. */
const initialWindow = 65_535;
const largestWindow = 2 ** 31 - 1;

/** A request that came in. */
export type OnRequest = (stream: Http2Stream, fields: Fields) => void;

export class Http2Session {
  /** Resolves when the connection is over, whatever ended it. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #writer: FrameWriter;
  readonly #reader = new FrameReader();
  readonly #decoder = new FieldDecoder();
  readonly #link: StreamLink;
  readonly #streams = new Map<number, Http2Stream>();
  /** Undefined for a client. */
  readonly #onRequest: OnRequest | undefined;
  #lastId: number;
  #isOver = false;
  #isLeaving = false;
  #sendWindow = initialWindow;
  #peer = { window: initialWindow, frame: leastMaxFrame };
  #received = 0;
  /** A block of fields that comes in several frames. */
  #block: { first: Frame; parts: Buffer[]; length: number } | undefined;

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
    if (this.#block !== undefined && (type !== frameTypes.continuation || id !== this.#block.first.id)) {
      throw protocolError("fields that are cut off");
    }
    switch (type) {
      case frameTypes.data:
        this.#takeData(frame);
        break;
      case frameTypes.headers:
        this.#block = { first: frame, parts: [content(frame)], length: payload.length };
        this.#takeBlock(frame);
        break;
      case frameTypes.continuation:
        if (this.#block === undefined) throw protocolError("fields without a beginning");
        this.#block.parts.push(payload);
        this.#block.length += payload.length;
        this.#takeBlock(frame);
        break;
      case frameTypes.reset:
        this.#streams.get(id)?.onReset(read(payload));
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
        this.#takeWindow(id, read(payload) & largestWindow);
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

  #takeBlock({ flags: set }: Frame): void {
    const block = this.#block;
    if (block === undefined) return;
    if (block.length > maxFields) throw protocolError("more header fields than anybody needs");
    if ((set & flags.endHeaders) === 0) return;
    this.#block = undefined;
    const fields = this.#decoder.decode(Buffer.concat(block.parts));
    const { id } = block.first;
    const isLast = (block.first.flags & flags.endStream) !== 0;
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
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const name = payload.readUInt16BE(at);
      if (name === settings.maxFrame) this.#peer.frame = Math.min(Math.max(value, leastMaxFrame), maxFrame);
      else if (name === settings.initialWindow) {
        if (value > largestWindow) throw new ProtocolError(errorCodes.flowControl, "a window too large");
        const more = value - this.#peer.window;
        this.#peer.window = value;
        for (const stream of this.#streams.values()) stream.onWindow(more);
      }
    }
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

function ourSettings(isClient: boolean): Buffer {
  const all: [number, number][] = [
    [settings.initialWindow, windowBytes],
    [settings.maxFrame, maxFrame],
    isClient ? [settings.enablePush, 0] : [settings.maxStreams, maxStreams],
  ];
  return Buffer.concat(
    all.map(([name, value]) => Buffer.concat([Buffer.from([name >> 8, name & 255]), number(value)])),
  );
}

function number(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function read(payload: Buffer): number {
  if (payload.length !== 4) throw new ProtocolError(errorCodes.frameSize, "a frame without its number");
  return payload.readUInt32BE(0);
}
