import { chmodSync, createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import { PathPatterns } from "../base/path-patterns.ts";
import { RootfsView } from "../containers/spec/rootfs-view.ts";
import { sha256Of } from "../oci/digester.ts";
import { openRemote } from "./add-remote.ts";
import type { BuilderDeps } from "./deps.ts";
import { checkOut } from "./git.ts";
import { isGit, parseGitAddress } from "./git-address.ts";
import { HashingStream } from "./hashing-stream.ts";
import type { BuildContext } from "./options.ts";
import type { Material } from "./record.ts";

/** A context on the disk for as long as a build lasts. */
export interface OpenedContext extends BuildContext {
  /** The text of the Dockerfile. Throws `invalidArgument` in Docker's words where it is not there. */
  dockerfile(name: string): Promise<string>;
  close(): void;
}

export interface ContextRequest {
  /** An address instead of the body; "" for the body. */
  remote: string;
  /** A tar, compressed or not. */
  body: AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

/** Unpacks a build context below `tmp` of the data root. Throws `invalidArgument` for what is no archive. */
export async function openContext(deps: BuilderDeps, request: ContextRequest): Promise<OpenedContext> {
  const folder = join(deps.containers.roots.dataRoot, "tmp", `context-${crypto.randomUUID()}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    const { directory, remoteDockerfile, material } = await fill(deps, request, folder);
    return {
      material,
      directory: async () => directory,
      close,
      dockerfile: async (name) => {
        const wanted = remoteDockerfile === undefined ? name : "Dockerfile";
        const text = readDockerfile(directory, wanted);
        dropIgnored(directory, wanted);
        return text;
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Gets the files of the context into `folder`: `directory` is where they are. */
async function fill(deps: BuilderDeps, request: ContextRequest, folder: string) {
  const { remote, signal } = request;
  if (isGit(remote) || remote.startsWith("github.com/")) {
    const address = parseGitAddress(remote);
    const { directory, commit } = await checkOut(address, { folder, keepGitDir: false, signal });
    const material: Material = { kind: "git", url: remote, commit };
    return { directory, remoteDockerfile: undefined, material };
  }
  const directory = join(folder, "files");
  mkdirSync(directory);
  // A step may mount it, and may have a user of its own; on the host its folder is closed to others.
  chmodSync(directory, 0o755);
  const archive = join(folder, "archive");
  const { remoteDockerfile, material } = await store(request, archive);
  if (remoteDockerfile !== undefined) writeFileSync(join(directory, "Dockerfile"), remoteDockerfile);
  else await unpack(deps, archive, directory, signal);
  return { directory, remoteDockerfile, material };
}

interface Stored {
  remoteDockerfile?: string;
  material?: Material;
}

/** Writes the archive to the disk; an address that gives plain text is a Dockerfile, whose text is returned. */
async function store({ remote, body, signal }: ContextRequest, archive: string): Promise<Stored> {
  if (remote === "" || remote === "client-session") {
    await pipeline(Readable.from(body), createWriteStream(archive, { mode: 0o600 }), { signal });
    return {};
  }
  if (!/^https?:\/\//.test(remote)) throw invalidArgument(`remote context ${remote} is not an address`);
  const response = await openRemote(remote, signal);
  const of = (digest: string): Material => ({ kind: "http", url: remote, digest });
  if ((response.headers.get("content-type") ?? "").startsWith("text/plain")) {
    const remoteDockerfile = await response.text();
    return { remoteDockerfile, material: of(sha256Of(remoteDockerfile)) };
  }
  const content = Readable.fromWeb(response.body ?? new ReadableStream());
  const hashing = new HashingStream();
  await pipeline(content, hashing, createWriteStream(archive, { mode: 0o600 }), { signal });
  return { material: of(hashing.digest()) };
}

async function unpack(
  deps: BuilderDeps,
  archive: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const options = { whiteouts: "plain", devices: false } as const;
  await deps.workers.run("extract", { sources: [archive], programs: true, directory, options }, { signal });
  rmSync(archive);
}

/** The Dockerfile and `.dockerignore` go along even when they are ignored; they are then no part of the context. */
function dropIgnored(directory: string, dockerfile: string): void {
  using view = new RootfsView(directory);
  const ignored = PathPatterns.read(view.readText("/.dockerignore"));
  for (const name of [dockerfile, ".dockerignore"]) {
    if (ignored.matches(name)) rmSync(join(directory, name), { force: true });
  }
}

function readDockerfile(directory: string, name: string): string {
  using view = new RootfsView(directory);
  try {
    const text = view.readText(`/${name}`);
    if (text !== "") return text;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTDIR") throw error;
  }
  if (isThere(directory, name)) throw invalidArgument(`the Dockerfile (${name}) cannot be empty`);
  throw invalidArgument(`Cannot locate specified Dockerfile: ${name}`);
}

function isThere(directory: string, name: string): boolean {
  try {
    return readFileSync(join(directory, name)) !== undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
    throw error;
  }
}
