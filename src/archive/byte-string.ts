/**
 * A string in which each character stands for one byte (0 to 255). File names, link targets and the keys of extended
 * attributes are bytes, mostly but not always UTF-8; in this form they can be split, compared and kept without loss.
 */
export type ByteString = string;

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export function toBytes(text: ByteString): Buffer {
  return Buffer.from(text, "latin1");
}

/** The byte string that holds `text` as UTF-8. */
export function fromText(text: string): ByteString {
  return Buffer.from(text).toString("latin1");
}

/** What people read: UTF-8 decoded, with U+FFFD for what is none. */
export function toText(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
