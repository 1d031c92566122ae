/** Bytes from which on what was gathered is given away. */
const enough = 64 * 1024;

/** The pieces (each valid until the next), gathered into larger ones, `size` bytes where that can be, that stay valid. */
export function* gather(pieces: Iterable<Uint8Array>, size = enough): Generator<Uint8Array> {
  let gathered = new Uint8Array(size);
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + size - length);
      gathered.set(part, length);
      length += part.length;
      at += part.length;
      if (length < size) continue;
      yield gathered;
      gathered = new Uint8Array(size);
      length = 0;
    }
  }
  if (length > 0) yield gathered.slice(0, length);
}
