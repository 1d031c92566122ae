import { createWriteStream } from "node:fs";
import { utimes } from "node:fs/promises";
import { join, posix } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { invalidArgument } from "../base/errors.ts";
import { networkError, redactUrl } from "../distribution/network-error.ts";
import { cacheKey } from "./cache.ts";
import { failingAt } from "./failed-at.ts";
import { checkOut } from "./git.ts";
import { isGit, parseGitAddress } from "./git-address.ts";
import { HashingStream } from "./hashing-stream.ts";
import type { Material } from "./record.ts";
import type { StepContext } from "./step-context.ts";

export interface Fetched {
  /** Stands for the content. */
  key: string;
  root: string;
  path: string;
  material: Material;
}

/** True for what `ADD` gets from elsewhere. */
export function isRemote(source: string): boolean {
  return /^https?:\/\//i.test(source) || isGit(source);
}

interface FetchOptions {
  checksum: string | undefined;
  /** Undefined where the flag is not given. */
  keepGitDir: boolean | undefined;
  folder: string;
}

const unfetched = "failed to load cache key";

/** Gets a repository or a file into `folder`. Throws `invalidArgument` for a wrong checksum, `unavailable`. */
export function fetchRemote(context: StepContext, url: string, options: FetchOptions): Promise<Fetched> {
  // Said before anything is fetched.
  if (!isGit(url) && options.checksum !== undefined) parseChecksum(options.checksum);
  return isGit(url) ? fetchGit(context, url, options) : fetchFile(context, url, options);
}

async function fetchGit(
  { signal }: StepContext,
  url: string,
  { checksum, keepGitDir, folder }: FetchOptions,
): Promise<Fetched> {
  const address = parseGitAddress(url);
  if (checksum !== undefined && checksum !== (address.checksum ?? checksum)) {
    throw invalidArgument(
      `checksum mismatch ${JSON.stringify(checksum)} != ${JSON.stringify(address.checksum)}`,
    );
  }
  if (keepGitDir !== undefined && keepGitDir !== (address.keepGitDir ?? keepGitDir)) {
    throw invalidArgument("inconsistent keep-git-dir configuration");
  }
  const keeps = keepGitDir ?? address.keepGitDir ?? false;
  const wanted = checksum === undefined ? address : { ...address, checksum };
  const { directory, commit } = await failingAt(unfetched, () =>
    checkOut(wanted, { folder, keepGitDir: keeps, signal }),
  );
  return {
    key: cacheKey("git", commit, address.folder, keeps, ...(address.submodules ? [] : ["no submodules"])),
    root: directory,
    path: "/",
    material: { kind: "git", url, commit },
  };
}

async function fetchFile(
  { signal }: StepContext,
  url: string,
  { checksum, folder }: FetchOptions,
): Promise<Fetched> {
  const wanted = checksum === undefined ? undefined : parseChecksum(checksum);
  const response = await failingAt(unfetched, () => openRemote(url, signal));
  const path = nameOf(url);
  const file = join(folder, path);
  const hashing = new HashingStream();
  const check = new HashingStream(wanted?.algorithm);
  const body = Readable.fromWeb(response.body ?? new ReadableStream());
  await pipeline(body, hashing, check, createWriteStream(file, { mode: 0o600 }), { signal });
  const digest = hashing.digest();
  const found = wanted && check.digest();
  if (found !== checksum) throw invalidArgument(`digest mismatch ${found}: ${checksum}`);
  const modified = Date.parse(response.headers.get("last-modified") ?? "");
  // A file without a date is as old as can be, so that the layer is the same each time.
  const time = Number.isNaN(modified) ? 0 : modified / 1000;
  await utimes(file, time, time);
  const material: Material = { kind: "http", url, digest };
  return { key: cacheKey("http", path, digest, time), root: folder, path, material };
}

/** `sha256:…`, or one of the longer ones (OCI image specification, "Digests"). Throws `invalidArgument`. */
function parseChecksum(checksum: string): { algorithm: "sha256" | "sha384" | "sha512" } {
  const [, algorithm, hex = ""] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(checksum) ?? [];
  if (algorithm === undefined) throw invalidArgument("invalid checksum digest format");
  if (algorithm !== "sha256" && algorithm !== "sha384" && algorithm !== "sha512") {
    throw invalidArgument("unsupported digest algorithm");
  }
  if (hex.length !== Number(algorithm.slice(3)) / 4) throw invalidArgument("invalid checksum digest length");
  if (!/^[0-9a-f]+$/.test(hex)) throw invalidArgument("invalid checksum digest format");
  return { algorithm };
}

/** The answer of an address, when it has one. Throws `unavailable`, `invalidArgument`. */
export async function openRemote(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch(async (error: unknown) => {
    throw await networkError("GET", new URL(url), error);
  });
  if (!response.ok)
    throw invalidArgument(
      `failed to load ${redactUrl(new URL(url))}: invalid response status ${response.status}`,
    );
  return response;
}

/** What the file is called: the last part of the address, with BuildKit's name for one that has none. */
function nameOf(url: string): string {
  const name = posix.basename(decodeURIComponent(new URL(url).pathname));
  return name === "" || name === "." || name === ".." || name.includes("\0") ? "__unnamed__" : name;
}
