import { readFileSync } from "node:fs";
import { errnoOf, invalidArgument, notFound } from "../base/errors.ts";

/** What a context says about its daemon. */
export interface ContextMeta {
  readonly Name: string;
  readonly Metadata?: { readonly Description?: string };
  readonly Endpoints?: Readonly<Record<string, { readonly Host?: string; readonly SkipTLSVerify?: boolean }>>;
}

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
    text = readFileSync(path, "utf8");
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
