import { content, type Frame, flags, frameTypes } from "./frames.ts";
import { FieldDecoder, type Fields } from "./hpack.ts";
import { protocolError } from "./protocol-error.ts";

/** The header fields of one request or answer. Bytes. */
const maxFields = 1024 * 1024;

/** Fields that have come as a whole. */
export interface FieldBlock {
  /** The stream. */
  id: number;
  fields: Fields;
  /** Nothing comes after them. */
  isLast: boolean;
}

/** Puts header fields together that come in one frame or in several (RFC 9113, section 4.3). */
export class FieldBlocks {
  readonly #decoder = new FieldDecoder();
  #begun: { first: Frame; parts: Buffer[]; length: number } | undefined;

  /** Throws `ProtocolError` where `frame` stands between those of a block. */
  check({ type, id }: Frame): void {
    if (this.#begun === undefined) return;
    if (type !== frameTypes.continuation || id !== this.#begun.first.id) {
      throw protocolError("fields that are cut off");
    }
  }

  /** Takes a frame of the types `headers` and `continuation`; undefined as long as more has to come. */
  take(frame: Frame): FieldBlock | undefined {
    const block = this.#add(frame);
    if (block.length > maxFields) throw protocolError("more header fields than anybody needs");
    if ((frame.flags & flags.endHeaders) === 0) return undefined;
    this.#begun = undefined;
    const { id, flags: set } = block.first;
    const fields = this.#decoder.decode(Buffer.concat(block.parts));
    return { id, fields, isLast: (set & flags.endStream) !== 0 };
  }

  #add(frame: Frame) {
    const { type, payload } = frame;
    if (type === frameTypes.headers) {
      this.#begun = { first: frame, parts: [content(frame)], length: payload.length };
      return this.#begun;
    }
    if (this.#begun === undefined) throw protocolError("fields without a beginning");
    this.#begun.parts.push(payload);
    this.#begun.length += payload.length;
    return this.#begun;
  }
}
