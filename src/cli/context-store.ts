import { errnoOf, invalidArgument, notFound } from "../base/errors.ts";
import { nodeFs, readText } from "./node-fs.ts";

/** How a context says where something is, mostly the daemon (`docker`). */
export interface ContextEndpoint {
  readonly Host?: string;
  readonly SkipTLSVerify?: boolean;
}

/** What a context says about its daemon. */
export interface ContextMeta {
  readonly Name: string;
  readonly Metadata?: { readonly Description?: string };
  readonly Endpoints?: Readonly<Record<string, ContextEndpoint>>;
}

/** TLS files by the name of their endpoint, then by their own (`ca.pem`). */
export type ContextTls = Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;

const idOf = (name: string) => new Bun.CryptoHasher("sha256").update(name).digest("hex");

/** The folder of a context's description, as the Go client lays it out: named by the SHA-256 of its name. */
export function metaFile(folder: string, name: string): string {
  return `${folder}/contexts/meta/${idOf(name)}/meta.json`;
}

/** The folder of a context's TLS files for its daemon. */
export function tlsFolder(folder: string, name: string): string {
  return `${folder}/contexts/tls/${idOf(name)}/docker`;
}

/** Reads one context. Throws `notFound` with the Go client's text. */
export function readContext(folder: string, name: string): ContextMeta {
  const path = metaFile(folder, name);
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw notFound(
      `context ${JSON.stringify(name)}: context not found: open ${path}: no such file or directory`,
    );
  }
  try {
    return JSON.parse(text) as ContextMeta;
  } catch (error) {
    throw invalidArgument(`context ${JSON.stringify(name)}: ${String(error)}`, error);
  }
}

/** The folders of a context's description and TLS files. */
export function contextFolders(folder: string, name: string): { meta: string; tls: string } {
  return {
    meta: `${folder}/contexts/meta/${idOf(name)}`,
    tls: `${folder}/contexts/tls/${idOf(name)}`,
  };
}

export function contextExists(folder: string, name: string): boolean {
  return nodeFs().existsSync(metaFile(folder, name));
}

/** All contexts but `default`, by name. */
export function listContexts(folder: string): ContextMeta[] {
  const root = `${folder}/contexts/meta`;
  const found = namesIn(root)
    .map((id) => `${root}/${id}/meta.json`)
    .filter((path) => nodeFs().existsSync(path))
    .map((path) => JSON.parse(readText(path)) as ContextMeta);
  return found.sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
}

/** What is there of TLS files of a context. */
export function readContextTls(folder: string, name: string): ContextTls {
  const { tls } = contextFolders(folder, name);
  const read = (endpoint: string) =>
    Object.fromEntries(
      namesIn(`${tls}/${endpoint}`).map((file) => [
        file,
        nodeFs().readFileSync(`${tls}/${endpoint}/${file}`),
      ]),
    );
  return Object.fromEntries(namesIn(tls).map((endpoint) => [endpoint, read(endpoint)]));
}

/** Stores a context; `tls` replaces what was there of TLS files, undefined leaves it. */
export function writeContext(folder: string, meta: ContextMeta, tls?: ContextTls): void {
  const folders = contextFolders(folder, meta.Name);
  if (tls) {
    nodeFs().rmSync(folders.tls, { recursive: true, force: true });
    for (const [endpoint, files] of Object.entries(tls)) {
      if (Object.keys(files).length === 0) continue;
      nodeFs().mkdirSync(`${folders.tls}/${endpoint}`, { recursive: true, mode: 0o700 });
      for (const [file, bytes] of Object.entries(files)) {
        nodeFs().writeFileSync(`${folders.tls}/${endpoint}/${file}`, bytes, { mode: 0o600 });
      }
    }
  }
  nodeFs().mkdirSync(folders.meta, { recursive: true, mode: 0o755 });
  const { Name, Metadata = {}, Endpoints = {} } = meta;
  const path = `${folders.meta}/meta.json`;
  const temporary = `${path}.${process.pid}`;
  nodeFs().writeFileSync(temporary, JSON.stringify({ Name, Metadata, Endpoints }), { mode: 0o644 });
  nodeFs().renameSync(temporary, path);
}

export function removeContext(folder: string, name: string): void {
  const { meta, tls } = contextFolders(folder, name);
  nodeFs().rmSync(meta, { recursive: true, force: true });
  nodeFs().rmSync(tls, { recursive: true, force: true });
}

function namesIn(folder: string): string[] {
  try {
    return nodeFs().readdirSync(folder).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
