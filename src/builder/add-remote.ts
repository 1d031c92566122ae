import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { invalidArgument, messageOf, unavailable } from "../base/errors.ts";
import { cacheKey } from "./cache.ts";
import { checkOut } from "./git.ts";
import { isGit, parseGitAddress } from "./git-address.ts";
import type { StepContext } from "./step-context.ts";

export interface Fetched {
  /** Stands for the content. */
  key: string;
  root: string;
  path: string;
}

/** True for what `ADD` gets from elsewhere. */
export function isRemote(source: string): boolean {
  return /^https?:\/\//i.test(source) || isGit(source);
}

interface FetchOptions {
  checksum: string | undefined;
  keepGitDir: boolean;
  folder: string;
}

/** Gets a repository or a file into `folder`. Throws `invalidArgument` for a wrong checksum, `unavailable`. */
export function fetchRemote(context: StepContext, url: string, options: FetchOptions): Promise<Fetched> {
  return isGit(url) ? fetchGit(context, url, options) : fetchFile(context, url, options);
}

async function fetchGit(
  { signal }: StepContext,
  url: string,
  { checksum, keepGitDir, folder }: FetchOptions,
): Promise<Fetched> {
  const address = parseGitAddress(url);
  const { directory, commit } = await checkOut(address, { folder, keepGitDir, signal });
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw invalidArgument(`expected checksum to match ${checksum}, got ${commit}`);
  }
  return { key: cacheKey("git", commit, address.folder, keepGitDir), root: directory, path: "/" };
}

async function fetchFile(
  { signal }: StepContext,
  url: string,
  { checksum, folder }: FetchOptions,
): Promise<Fetched> {
  const response = await openRemote(url, signal);
  const path = nameOf(url);
  const file = join(folder, path);
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body ?? new ReadableStream());
  await pipeline(body, hashing, createWriteStream(file, { mode: 0o600 }), { signal });
  const digest = `sha256:${hash.digest("hex")}`;
  if (checksum !== undefined && checksum !== digest) {
    throw invalidArgument(`digest mismatch ${digest}: ${checksum}`);
  }
  const modified = Date.parse(response.headers.get("last-modified") ?? "");
  // A file without a date is as old as can be, so that the layer is the same each time.
  const time = Number.isNaN(modified) ? 0 : modified / 1000;
  await utimes(file, time, time);
  return { key: cacheKey("http", path, digest, time), root: folder, path };
}

/** The answer of an address, when it has one. Throws `unavailable`, `invalidArgument`. */
export async function openRemote(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw unavailable(`failed to load ${url}: ${messageOf(error)}`, error);
  }
  if (!response.ok)
    throw invalidArgument(`failed to load ${url}: invalid response status ${response.status}`);
  return response;
}

/** What the file is called: the last part of the address. */
function nameOf(url: string): string {
  const name = decodeURIComponent(new URL(url).pathname).split("/").pop() ?? "";
  return name === "" || name === "." || name === ".." || name.includes("\0") ? "download" : name;
}
