import { fromText, toText } from "../../archive/byte-string.ts";
import { encodeHeader, endOfArchive, padding } from "../../archive/tar-encoder.ts";
import { tarEntry } from "../../archive/tar-entry.ts";
import { readTar } from "../../archive/tar-reader.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import type { ContextMeta, ContextTls } from "../context-store.ts";

/** The most bytes that an archive of a context may have. */
const maxSize = 10 * 1024 * 1024;

function folder(name: string): Buffer {
  return encodeHeader(tarEntry({ name: fromText(name), type: "directory", mode: 0o700 }));
}

function file(name: string, bytes: Uint8Array, mode: number): Buffer {
  const header = encodeHeader(tarEntry({ name: fromText(name), type: "file", mode, size: bytes.length }));
  return Buffer.concat([header, bytes, padding(bytes.length)]);
}

/** A context as one file: `meta.json`, and its TLS files below `tls/<endpoint>/`. */
export function packContext(meta: ContextMeta, tls: ContextTls): Buffer {
  const parts = [file("meta.json", Buffer.from(JSON.stringify(meta)), 0o644), folder("tls")];
  for (const [endpoint, files] of Object.entries(tls)) {
    parts.push(folder(`tls/${endpoint}`));
    for (const [name, bytes] of Object.entries(files)) {
      parts.push(file(`tls/${endpoint}/${name}`, bytes, 0o600));
    }
  }
  return Buffer.concat([...parts, endOfArchive()]);
}

/** What `packContext` or the Go client made. Throws `invalidArgument` for anything else. */
export async function unpackContext(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ meta: ContextMeta; tls: ContextTls }> {
  let meta: ContextMeta | undefined;
  const tls: Record<string, Record<string, Uint8Array>> = {};
  for await (const { entry, content } of readTar(whole(chunks))) {
    if (entry.type === "directory") continue;
    const name = toText(entry.name);
    if (entry.type !== "file") throw invalidArgument(`${name}: not a file`);
    const bytes = Buffer.concat(await Array.fromAsync(content, (piece) => Buffer.from(piece)));
    const [, endpoint, pem] = /^tls\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
    if (name === "meta.json") meta = parseMeta(bytes);
    else if (endpoint && pem && !/^\.\.?$/.test(endpoint) && !/^\.\.?$/.test(pem)) {
      tls[endpoint] = { ...tls[endpoint], [pem]: bytes };
    } else throw invalidArgument(`${name}: unexpected context file`);
  }
  if (meta === undefined) throw invalidArgument("invalid context: no metadata found");
  return { meta, tls };
}

/** The Go client leaves out the padding of the last file, and the end of the archive. */
async function* whole(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxSize) throw invalidArgument(`read exceeds the defined limit: ${maxSize}`);
    yield chunk;
  }
  yield new Uint8Array((512 - (size % 512)) % 512);
  yield endOfArchive();
}

function parseMeta(bytes: Buffer): ContextMeta {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    throw invalidArgument(`meta.json: ${messageOf(error)}`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as ContextMeta;
  throw invalidArgument("meta.json: not a JSON object");
}
