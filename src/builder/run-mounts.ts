import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { HostConfig } from "../api/containers.ts";
import { Cleanups } from "../base/disposables.ts";
import { invalidArgument } from "../base/errors.ts";
import { parseRunMount, type RunMount } from "../dockerfile/run-mount.ts";
import { cacheKey, joinedKey } from "./cache.ts";
import { cacheMountName } from "./cache-mounts.ts";
import { digestOf, quickKey, type Selection } from "./sources.ts";
import { scratchState } from "./stage-state.ts";
import type { StepContext } from "./step-context.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { WorkRoot } from "./work-root.ts";

/** The mounts of a `RUN`. */
export interface RunMounts extends AsyncDisposable {
  /** What of them decides whether the step is the same. Reads the files of binds. */
  keys(): Promise<readonly string[]>;
  /** The same for binds of what is known without a look at its files; undefined where there is none, or another one. */
  quickKeys: readonly string[] | undefined;
  /** Known after `fill`: */
  hostConfig: Pick<HostConfig, "Mounts" | "Tmpfs">;
  environment: readonly string[];
  /** Paths in the root that are made for the mounts. */
  stubs: readonly string[];
  /** Makes what is mounted; to be called when the step really runs. */
  fill(): Promise<void>;
}

/** A here-document that names its own interpreter, and is mounted to be run. */
export interface Script {
  path: string;
  text: string;
}

export async function prepareMounts(
  context: StepContext,
  written: readonly RunMount[],
  script: Script | undefined,
): Promise<RunMounts> {
  const mounts = written.map((mount) => expandedMount(context, mount));
  for (const mount of mounts)
    if (mount.type === "cache") context.record.cacheMounts.add(cacheMountName(mount));
  const quick = await Promise.all(mounts.map((mount) => quickKeyOf(context, mount)));
  return new Mounts(context, mounts, script, quick);
}

/** Variables replaced; targets absolute. Secrets and agents have places of their own, all else the working folder. */
export function expandedMount(
  { words, state }: Pick<StepContext, "words" | "state">,
  { text }: Pick<RunMount, "text">,
): RunMount {
  const mount = parseRunMount(text, (word) => words.word(word));
  const placed = mount.type === "secret" || mount.type === "ssh";
  const target =
    mount.target === undefined && placed
      ? undefined
      : posix.resolve("/", state.config.WorkingDir ?? "/", mount.target ?? "");
  if (target === "/") throw invalidArgument('invalid mount target "/"');
  return { ...mount, target };
}

/** Content of binds counts; what a cache, a secret or an agent holds does not. */
async function keyOf(context: StepContext, mount: RunMount): Promise<string> {
  const { type, target, from, readonly } = mount;
  if (type !== "bind") return keyOfOther(mount);
  return cacheKey(type, target, readonly, await digestOf(context, from ?? "", selectionOf(mount)));
}

async function quickKeyOf(context: StepContext, mount: RunMount): Promise<string | undefined> {
  const { type, target, from, readonly } = mount;
  if (type !== "bind") return keyOfOther(mount);
  const known = await quickKey(context, from ?? "", selectionOf(mount));
  return known === undefined ? undefined : joinedKey([known], "quick", type, target, readonly);
}

function keyOfOther({ type, target, id, env, source, from }: RunMount): string {
  return cacheKey(type, target, id, env, type === "cache" ? [source, from] : "");
}

const selectionOf = ({ source }: RunMount): Selection => ({
  paths: [source ?? "/"],
  parents: false,
  exclude: [],
});

class Mounts implements RunMounts {
  readonly quickKeys: readonly string[] | undefined;
  readonly environment: string[] = [];
  readonly stubs: string[] = [];
  readonly hostConfig: { Mounts: NonNullable<HostConfig["Mounts"]>; Tmpfs: Record<string, string> } = {
    Mounts: [],
    Tmpfs: {},
  };
  readonly #context: StepContext;
  readonly #mounts: readonly RunMount[];
  readonly #script: Script | undefined;
  readonly #cleanups = new Cleanups();

  constructor(
    context: StepContext,
    mounts: readonly RunMount[],
    script: Script | undefined,
    quick: readonly (string | undefined)[],
  ) {
    this.#context = context;
    this.#mounts = mounts;
    this.#script = script;
    const known = quick.flatMap((key) => key ?? []);
    const isOfUse = known.length === mounts.length && mounts.some(({ type }) => type === "bind");
    this.quickKeys = isOfUse ? [...known, ...this.#scriptKeys()] : undefined;
  }

  async keys(): Promise<readonly string[]> {
    const keys = await Promise.all(this.#mounts.map((mount) => keyOf(this.#context, mount)));
    return [...keys, ...this.#scriptKeys()];
  }

  #scriptKeys(): string[] {
    return this.#script === undefined ? [] : [cacheKey(this.#script)];
  }

  async fill(): Promise<void> {
    if (this.#script !== undefined) this.#mountScript(this.#script);
    for (const mount of this.#mounts) {
      if (mount.target !== undefined) this.#stub(mount.target);
      if (mount.type === "bind") await this.#bind(mount);
      else if (mount.type === "cache") await this.#cache(mount);
      else if (mount.type === "tmpfs") this.#tmpfs(mount);
      else if (mount.type === "secret") await this.#secret(mount);
      else await this.#ssh(mount);
    }
  }

  #mountScript({ path, text }: Script): void {
    // Not in the exec root: where that is below /run, nothing can be executed there.
    const folder = temporaryFolder(this.#context, this.#cleanups);
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, posix.basename(path)), text, { mode: 0o755 });
    this.#add(folder, posix.dirname(path), true);
  }

  /** The runtime makes the target and its parents where they are missing. */
  #stub(target: string): void {
    const parts = target.split("/").filter((part) => part !== "");
    for (let length = parts.length; length > 0; length--) this.stubs.push(parts.slice(0, length).join("/"));
  }

  #add(Source: string, Target: string, ReadOnly: boolean): void {
    this.hostConfig.Mounts.push({ Type: "bind", Source, Target, ReadOnly });
  }

  async #bind({ from, source, target = "", readonly }: RunMount): Promise<void> {
    const directory = await (await this.#context.source(from ?? "")).directory();
    const path = posix.resolve("/", source ?? "/");
    if (readonly) return this.#add(join(directory, path), target, true);
    // What the step writes there is for itself alone: it works on a copy.
    const { deps, state } = this.#context;
    const copy = await WorkRoot.create(deps, scratchState(state.platform));
    this.#cleanups.add(() => copy[Symbol.asyncDispose]());
    const root = copy.mount();
    const job = { from: { root: directory, paths: [path], parents: true, exclude: [] }, root, target: "/" };
    await deps.workers.run("copy", job, { signal: this.#context.signal });
    this.#add(join(root, path), target, false);
  }

  async #cache(mount: RunMount): Promise<void> {
    const taken = await this.#context.deps.cacheMounts.take(this.#context, mount);
    this.#cleanups.add(() => taken.release());
    this.#add(taken.directory, mount.target ?? "", mount.readonly);
  }

  #tmpfs({ target = "", size }: RunMount): void {
    this.hostConfig.Tmpfs[target] = size === undefined ? "" : `size=${size}`;
  }

  async #secret({ id, source, target, env, required, mode, uid, gid }: RunMount): Promise<void> {
    const name = id ?? source ?? target?.split("/").pop() ?? "";
    const value = await this.#context.options.secrets(name);
    if (value === undefined) {
      if (required) throw invalidArgument(`secret ${name}: not found`);
      return;
    }
    if (env !== undefined) {
      this.environment.push(`${env}=${Buffer.from(value).toString("utf8")}`);
      if (target === undefined) return;
    }
    const path = target ?? `/run/secrets/${name}`;
    if (target === undefined) this.#stub(path);
    const file = join(this.#folder(), "secret");
    writeFileSync(file, value, { mode: mode ?? 0o400 });
    // What may be written is less than what was asked for, where the process has a mask.
    chmodSync(file, mode ?? 0o400);
    chownSync(file, uid ?? 0, gid ?? 0);
    this.#add(file, path, true);
  }

  async #ssh({ id, target, required, mode = 0o600, uid = 0, gid = 0 }: RunMount): Promise<void> {
    const socket = await this.#context.options.agent(id ?? "default", { mode, uid, gid });
    if (socket === undefined) {
      if (required) throw invalidArgument(`unset ssh forward key ${id ?? "default"}`);
      return;
    }
    const path = target ?? "/run/buildkit/ssh_agent.0";
    if (target === undefined) this.#stub(path);
    this.environment.push(`SSH_AUTH_SOCK=${path}`);
    this.#add(socket, path, false);
  }

  /** In the exec root, which is in memory, for as long as the step runs. */
  #folder(): string {
    const folder = join(this.#context.deps.containers.roots.execRoot, "build", crypto.randomUUID());
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#cleanups.add(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanups[Symbol.asyncDispose]();
  }
}
