import { existsSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument } from "../../base/errors.ts";

/** True for an address that the daemon fetches the context from. */
export function isRemoteContext(context: string): boolean {
  return /^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(context);
}

/** The Dockerfile of a folder where none is named. */
export function defaultDockerfile(folder: string): string {
  const lower = join(folder, "dockerfile");
  const path = join(folder, "Dockerfile");
  return !existsSync(path) && existsSync(lower) ? lower : path;
}

/** What standard input begins with, and all of it. Throws `invalidArgument` when it is empty. */
export async function peeked(
  input: AsyncIterable<Uint8Array>,
): Promise<{ first: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = input[Symbol.asyncIterator]();
  const first = await atLeast(iterator, 512);
  if (first.length === 0)
    throw invalidArgument("unable to prepare context: failed to peek context header from STDIN: EOF");
  const all = async function* () {
    yield first;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  };
  return { first, all: all() };
}

async function atLeast(iterator: AsyncIterator<Uint8Array>, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let got = 0;
  while (got < length) {
    const next = await iterator.next();
    if (next.done) break;
    pieces.push(next.value);
    got += next.value.length;
  }
  return Buffer.concat(pieces);
}

/** All that comes. */
export async function wholeInput(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input) pieces.push(piece);
  return Buffer.concat(pieces);
}

const magics = ["1f8b08", "28b52ffd", "425a68", "fd377a585a00"];

/** A tar, or something that is compressed. */
export function isArchive(start: Uint8Array): boolean {
  const bytes = Buffer.from(start);
  return (
    magics.some((magic) => bytes.toString("hex").startsWith(magic)) ||
    bytes.toString("latin1", 257, 262) === "ustar"
  );
}
