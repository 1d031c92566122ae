import { existsSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { errnoOf, invalidArgument } from "../../base/errors.ts";
import { PathPatterns } from "../../base/path-patterns.ts";
import { defaultDockerfile, isArchive, isRemoteContext, peeked, wholeInput } from "./context-kind.ts";
import { contextTar, type ExtraFile, filesTar } from "./context-tar.ts";

/** What a build is sent. */
export interface BuildInput {
  body: AsyncIterable<Uint8Array> | undefined;
  /** An address that the daemon fetches the context from. */
  remote: string | undefined;
  /** The Dockerfile's name in the context. */
  dockerfile: string;
}

/** Takes `PATH | URL | -` and `--file` apart. Throws with the words of Docker's client. */
export async function buildInput(
  context: string,
  file: string,
  standardInput: () => AsyncIterable<Uint8Array>,
): Promise<BuildInput> {
  if (context === "-" && file === "-") {
    throw invalidArgument("invalid argument: can't use stdin for both build context and dockerfile");
  }
  if (context === "-") return fromStandardInput(standardInput(), file);
  if (isRemoteContext(context)) {
    return { body: undefined, remote: context, dockerfile: file };
  }
  return fromFolder(context, file === "-" ? { text: await wholeInput(standardInput()) } : file);
}

/** A tar, or the text of a Dockerfile without a context. */
async function fromStandardInput(input: AsyncIterable<Uint8Array>, file: string): Promise<BuildInput> {
  const { first, all } = await peeked(input);
  if (isArchive(first)) return { body: all, remote: undefined, dockerfile: file };
  const name = "Dockerfile";
  const files = [{ name, text: await wholeInput(all) }];
  return { body: filesTar(files), remote: undefined, dockerfile: name };
}

function fromFolder(context: string, file: string | { text: Uint8Array }): BuildInput {
  const folder = resolve(context);
  if (!statSync(folder, { throwIfNoEntry: false })) {
    throw invalidArgument(`unable to prepare context: path ${JSON.stringify(context)} not found`);
  }
  if (!statSync(folder).isDirectory()) {
    throw invalidArgument(`unable to prepare context: context must be a directory: ${folder}`);
  }
  const { name, text } = dockerfileOf(folder, file);
  const ignored = PathPatterns.read(ignoreFile(folder, name));
  const kept = new Set([name, ".dockerignore"]);
  const extra = text === undefined ? [] : [{ name, text }, hiding(folder, name)];
  return { body: contextTar(folder, { ignored, kept, extra }), remote: undefined, dockerfile: name };
}

/** What goes along under a made-up name is no part of the context: the builder takes it away again. */
function hiding(folder: string, dockerfile: string): ExtraFile {
  const path = join(folder, ".dockerignore");
  const patterns = existsSync(path) ? readFileSync(path, "utf8") : "";
  return { name: ".dockerignore", text: Buffer.from(`${patterns}\n${dockerfile}\n.dockerignore\n`) };
}

/** One that is not in the folder goes along under a name of its own. */
function dockerfileOf(
  folder: string,
  file: string | { text: Uint8Array },
): { name: string; text?: Uint8Array } {
  const ownName = `.dockerfile.${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
  if (typeof file !== "string") return { name: ownName, text: file.text };
  const path = file === "" ? defaultDockerfile(folder) : resolve(file);
  const name = relative(folder, path);
  try {
    const text = readFileSync(path);
    return name.startsWith("..") ? { name: ownName, text } : { name };
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTDIR") throw error;
    const why = "unable to evaluate symlinks in Dockerfile path";
    throw invalidArgument(`unable to prepare context: ${why}: lstat ${path}: no such file or directory`);
  }
}

/** `<Dockerfile>.dockerignore` goes before `.dockerignore`. */
function ignoreFile(folder: string, dockerfile: string): string {
  for (const name of [`${dockerfile}.dockerignore`, ".dockerignore"]) {
    const path = join(folder, name);
    if (existsSync(path)) return readFileSync(path, "utf8");
  }
  return "";
}
