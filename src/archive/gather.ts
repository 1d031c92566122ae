/** Bytes from which on what was gathered is given away. */
const enough = 64 * 1024;

/** The pieces (each valid until the next), gathered into larger ones that stay valid. */
export function* gather(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    gathered.push(Uint8Array.from(piece));
    length += piece.length;
    if (length < enough) continue;
    yield Buffer.concat(gathered);
    gathered = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(gathered);
}
