import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Cleanups } from "../../base/disposables.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { ContentFolder } from "./content-store.ts";
import { defaultDockerfile, isArchive, isRemoteContext, peeked, wholeInput } from "./context-kind.ts";

/** Where a build gets its Dockerfile and its files, in the terms of BuildKit's attributes. */
export interface Inputs {
  attrs: Record<string, string>;
  /** Folders of this host by the name that the build calls them. */
  folders: Map<string, string>;
  upload: { path: string; body: AsyncIterable<Uint8Array> } | undefined;
  /** Image layouts of this host, by the name that the build calls them. */
  layouts: Map<string, ContentFolder>;
  sharedKey: string;
  /** The Dockerfile as people find it, where it is a file of this host or its standard input. */
  dockerfile?: string;
}

const prepare = "unable to prepare context";

/** Takes `PATH | URL | -` and `--file` apart. Throws with the words of Docker's client. */
export async function buildInputs(
  context: string,
  file: string,
  standardInput: () => AsyncIterable<Uint8Array>,
  owned: Cleanups,
): Promise<Inputs> {
  if (context === "-" && file === "-") {
    throw invalidArgument("invalid argument: can't use stdin for both build context and dockerfile");
  }
  const inputs: Inputs = {
    attrs: {},
    folders: new Map(),
    upload: undefined,
    layouts: new Map(),
    sharedKey: "",
  };
  if (context === "-") return fromStandardInput(inputs, file, standardInput(), owned);
  if (isRemoteContext(context)) {
    inputs.attrs.context = context;
    if (file === "-") await dockerfileText(inputs, await wholeInput(standardInput()), owned);
    else if (file !== "") inputs.attrs.filename = file;
    return inputs;
  }
  const folder = folderAt(context);
  inputs.folders.set("context", folder);
  inputs.sharedKey = await keyOf(folder);
  if (file === "-") await dockerfileText(inputs, await wholeInput(standardInput()), owned);
  else {
    const path = file === "" ? defaultDockerfile(folder) : resolve(file);
    dockerfileAt(inputs, path);
    inputs.dockerfile = file || join(context, basename(path));
  }
  return inputs;
}

function folderAt(context: string): string {
  const folder = resolve(context);
  const status = statSync(folder, { throwIfNoEntry: false });
  if (status === undefined) throw invalidArgument(`${prepare}: path ${JSON.stringify(context)} not found`);
  if (!status.isDirectory()) throw invalidArgument(`${prepare}: context must be a directory: ${folder}`);
  return realpathSync(folder);
}

function dockerfileAt(inputs: Inputs, path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    const name = basename(path);
    throw invalidArgument(`failed to read dockerfile: open ${name}: no such file or directory`);
  }
  inputs.attrs.filename = basename(path);
  inputs.folders.set("dockerfile", dirname(path));
}

/** An empty folder for the time of the build. */
async function temporaryFolder(owned: Cleanups): Promise<string> {
  const { tmpdir } = await import("node:os");
  const folder = mkdtempSync(join(tmpdir(), "docker-build-"));
  owned.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function dockerfileText(inputs: Inputs, text: Uint8Array, owned: Cleanups): Promise<void> {
  const folder = await temporaryFolder(owned);
  writeFileSync(join(folder, "Dockerfile"), text);
  inputs.attrs.filename = "Dockerfile";
  inputs.attrs.dockerfilekey = "dockerfile";
  inputs.dockerfile = "stdin";
  inputs.folders.set("dockerfile", folder);
}

/** A tar, or the text of a Dockerfile without a context. */
async function fromStandardInput(
  inputs: Inputs,
  file: string,
  input: AsyncIterable<Uint8Array>,
  owned: Cleanups,
): Promise<Inputs> {
  const { first, all } = await peeked(input);
  if (isArchive(first)) {
    const path = `/${crypto.randomUUID()}`;
    inputs.upload = { path, body: all };
    inputs.attrs.context = `http://buildkit-session${path}`;
    if (file !== "") inputs.attrs.filename = file;
    return inputs;
  }
  if (file !== "")
    throw invalidArgument("ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
  await dockerfileText(inputs, await wholeInput(all), owned);
  inputs.folders.set("context", await temporaryFolder(owned));
  return inputs;
}

/** Other hosts and users have other files under the same path. */
async function keyOf(folder: string): Promise<string> {
  const said = JSON.stringify([await machineName(), process.getuid?.(), folder]);
  return new Bun.CryptoHasher("sha256").update(said).digest("hex");
}

async function machineName(): Promise<string> {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    // A host without one: its name has to do.
    return (await import("node:os")).hostname();
  }
}

/** `--build-context name=value`: a folder, an OCI layout, or an address of an image, a repository, an archive. */
export async function namedContext(inputs: Inputs, text: string): Promise<void> {
  const at = text.indexOf("=");
  const name = text.slice(0, at).toLowerCase();
  const value = text.slice(at + 1);
  if (at < 1 || value === "") {
    throw invalidArgument(`invalid context value: ${text}, expected key=value`);
  }
  if (value.startsWith("oci-layout://")) {
    const { layoutContext } = await import("./layouts.ts");
    const id = crypto.randomUUID().replaceAll("-", "");
    const { folder, reference } = layoutContext(value, id);
    inputs.layouts.set(`oci:${id}`, folder);
    inputs.attrs[`context:${name}`] = `oci-layout://${reference}`;
    return;
  }
  if (/^(docker-image|https?|git|ssh):\/\/|^git@/.test(value)) {
    inputs.attrs[`context:${name}`] = value;
    return;
  }
  const folder = resolve(value);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw invalidArgument(`failed to get build context ${name}: ${value}: no such directory`);
  }
  inputs.folders.set(name, realpathSync(folder));
  inputs.attrs[`context:${name}`] = `local:${name}`;
}
