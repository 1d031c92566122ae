/** The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths of the codes say all. */

/** The length of each byte's code, and of the end's: in bits. */
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const longest = 30;
const endOfText = 256;

/** For each length: its first code, and where its symbols begin among all, which are in the order of their codes. */
interface Table {
  symbols: readonly number[];
  first: readonly number[];
  start: readonly number[];
}

let made: Table | undefined;

function table(): Table {
  if (made !== undefined) return made;
  const symbols = lengths.map((_, symbol) => symbol);
  symbols.sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  const first: number[] = [0];
  const start: number[] = [0];
  let code = 0;
  let at = 0;
  for (let length = 1; length <= longest + 1; length++) {
    code *= 2;
    first[length] = code;
    start[length] = at;
    const count = lengths.filter((one) => one === length).length;
    code += count;
    at += count;
  }
  made = { symbols, first, start };
  return made;
}

/** Undefined for what is no text in this code. */
export function decodeHuffman(bytes: Uint8Array): Buffer | undefined {
  const { symbols, first, start } = table();
  const text: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      if (length > longest) return undefined;
      const at = code - (first[length] ?? 0);
      const count = (start[length + 1] ?? 0) - (start[length] ?? 0);
      if (at >= count) continue;
      const symbol = symbols[(start[length] ?? 0) + at] ?? endOfText;
      if (symbol === endOfText) return undefined;
      text.push(symbol);
      code = 0;
      length = 0;
    }
  }
  // The last byte is filled with the beginning of the end's code: less than a byte of ones.
  return length < 8 && code === 2 ** length - 1 ? Buffer.from(text) : undefined;
}
