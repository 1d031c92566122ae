import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { invalidArgument, messageOf, unavailable } from "../base/errors.ts";
import { type HiddenMount, keepHidden } from "../linux/hidden-mount.ts";
import { sealedCopy } from "../linux/sealed-copy.ts";
import { type ChildStdio, type RunResult, run } from "../linux/spawn.ts";
import { type FailedProcess, lastRuntimeError, type RuntimeAction, runtimeError } from "./oci-errors.ts";
import { criuError } from "./supervisor/criu.ts";
import type { RuntimeBinary } from "./supervisor/protocol.ts";

/** Where distributions put runtimes, for daemons that were started with a short PATH. */
const usualDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Finds a runtime by its name or path; undefined when there is no such executable. */
export function findRuntime(
  name: string,
  options: { path?: string; arguments?: string[] } = {},
): RuntimeBinary | undefined {
  const command = options.path ?? name;
  const candidates = isAbsolute(command)
    ? [command]
    : [...(process.env.PATH ?? "").split(delimiter), ...usualDirectories].map((folder) =>
        join(folder, command),
      );
  const path = candidates.find((candidate) => isAbsolute(candidate) && isExecutable(candidate));
  if (path === undefined) return undefined;
  return { name, path, arguments: options.arguments ?? [], isCrun: /(^|\/)crun[^/]*$/.test(path) };
}

/** What the daemon's configuration says of runtimes. */
export interface RuntimeSettings {
  /** The name of the one that containers get; the fastest that the host has when absent. */
  defaultRuntime?: string;
  /** Those of `--add-runtime` and of daemon.json's `runtimes`, by name. */
  added?: Readonly<Record<string, { path?: string; arguments?: string[] }>>;
}

/**
 * The runtimes that containers may have, by name: those of the host (crun, the fastest, and runc), and those that were
 * configured. Throws `unavailable` when there is none, `invalidArgument` when the default one is not among them.
 */
export function findRuntimes(settings: RuntimeSettings = {}): {
  defaultRuntime: string;
  runtimes: Map<string, RuntimeBinary>;
} {
  const runtimes = new Map<string, RuntimeBinary>();
  for (const name of ["crun", "runc"]) {
    const found = findRuntime(name);
    if (found) runtimes.set(name, found);
  }
  for (const [name, options] of Object.entries(settings.added ?? {})) {
    const found = findRuntime(name, options);
    // A path that is not there yet is an error for the container that names it, not for the daemon.
    runtimes.set(name, found ?? missingRuntime(name, options));
  }
  const defaultRuntime = settings.defaultRuntime ?? runtimes.keys().next().value;
  if (defaultRuntime === undefined) {
    throw unavailable("no OCI runtime found: install crun or runc, or name one with --add-runtime");
  }
  if (!runtimes.has(defaultRuntime)) {
    throw invalidArgument(`specified default runtime '${defaultRuntime}' does not exist`);
  }
  return { defaultRuntime, runtimes };
}

function missingRuntime(name: string, options: { path?: string; arguments?: string[] }): RuntimeBinary {
  return { name, path: options.path ?? name, arguments: options.arguments ?? [], isCrun: false };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The standard streams that a process of a container is started with. */
export interface ContainerStdio {
  stdin: ChildStdio;
  stdout: ChildStdio;
  stderr: ChildStdio;
  /** Where the runtime sends the master of the terminal that it makes. */
  consoleSocket?: string;
}

/** Docker's and crun's layouts differ: with cgroup v1 and v2 side by side, crun 1.8 refuses to work. */
const hybridMount: HiddenMount = { parent: "/sys/fs/cgroup", path: "/sys/fs/cgroup/unified" };

let hybridHost: boolean | undefined;

function isHybridHost(): boolean {
  hybridHost ??= existsSync(`${hybridMount.path}/cgroup.controllers`);
  return hybridHost;
}

/** What calls in containers below `execRoot` will need, made ahead. */
export function prepareRuntimes(execRoot: string): void {
  if (isHybridHost()) keepHidden(hybridMount, [execRoot, "/usr/bin", "/usr/lib", "/etc/ld.so.cache"]);
}

/** Calls one OCI runtime for one container (github.com/opencontainers/runc/blob/main/docs/spec-conformance.md). */
export class OciRuntime {
  #runtime: RuntimeBinary;
  #root: string;
  #id: string;

  /** `root` is the folder in which the runtime keeps the states of its containers. */
  constructor(runtime: RuntimeBinary, root: string, id: string) {
    this.#runtime = runtime;
    this.#root = root;
    this.#id = id;
  }

  /** Creates and starts the container; its init process becomes a child of the next sub-reaper. */
  async run(options: { bundle: string; pidFile: string; log: string; stdio: ContainerStdio }): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    const { bundle, pidFile, log, stdio } = options;
    const command = [
      "run",
      "--detach",
      "--bundle",
      bundle,
      "--pid-file",
      pidFile,
      ...consoleArguments(stdio),
    ];
    const result = await this.#call([...command, this.#id], { log, stdio, cwd: bundle });
    if (result !== 0) throw this.#failure("create", log, join(bundle, "config.json"));
  }

  /** Starts another process in the running container. `processFile` holds the specification's `process` object. */
  async exec(options: {
    processFile: string;
    pidFile: string;
    log: string;
    stdio: ContainerStdio;
  }): Promise<void> {
    const { processFile, pidFile, log, stdio } = options;
    const command = ["exec", "--detach", "--process", processFile, "--pid-file", pidFile];
    const result = await this.#call([...command, ...consoleArguments(stdio), this.#id], {
      log,
      stdio,
      cwd: dirname(processFile),
    });
    if (result !== 0) throw this.#failure("exec", log, processFile);
  }

  /** Goes on from a checkpoint: what `run` is otherwise. CRIU's log is `restore.log` in the folder `work`. */
  async restore(options: {
    bundle: string;
    images: string;
    work: string;
    pidFile: string;
    log: string;
    stdio: ContainerStdio;
  }): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    const { bundle, images, work, pidFile, log, stdio } = options;
    const paths = ["--bundle", bundle, "--pid-file", pidFile, "--image-path", images, "--work-path", work];
    const result = await this.#call(["restore", "--detach", ...paths, this.#id], { log, stdio, cwd: bundle });
    if (result === 0) return;
    const said = () => lastRuntimeError(existsSync(log) ? readFileSync(log, "utf8") : "");
    const why = criuError(join(work, "restore.log")) ?? said();
    throw unavailable(`failed to restore from the checkpoint: ${this.#runtime.name}: ${why}`);
  }

  /**
   * Host paths by what a checkpoint calls them, besides those that the runtime tells CRIU at a restore. crun mounts an
   * empty folder of its own over masked ones; up to 1.28 it calls that by its default place at a checkpoint, and by its
   * real one at a restore. (github.com/containers/crun/pull/2239)
   */
  get restoreMounts(): ReadonlyMap<string, string> {
    const empty = ".empty-directory";
    return new Map(this.#runtime.isCrun ? [[join("/run/crun", empty), join(this.#root, empty)]] : []);
  }

  /** Writes its processes into the folder `images`. Throws `unavailable` with the reason when CRIU cannot. */
  async checkpoint(options: { images: string; work: string; leaveRunning: boolean }): Promise<void> {
    const { images, work, leaveRunning } = options;
    const paths = ["--image-path", images, "--work-path", work];
    const command = ["checkpoint", ...paths, ...(leaveRunning ? ["--leave-running"] : []), this.#id];
    const { exitCode, stderr } = await this.#simple(command);
    if (exitCode === 0) return;
    const why = criuError(join(work, "dump.log")) ?? stderr.trim();
    throw unavailable(
      `${this.#runtime.name} did not terminate successfully: exit status ${exitCode}: ${why}`,
    );
  }

  /** Forgets the container, killing what still runs in it. It is no error when the runtime does not know it. */
  async delete(): Promise<void> {
    if (!existsSync(join(this.#root, this.#id))) return;
    const { exitCode, stderr } = await this.#simple(["delete", "--force", this.#id]);
    if (exitCode !== 0 && existsSync(join(this.#root, this.#id))) {
      throw unavailable(`${this.#runtime.name} could not delete container ${this.#id}: ${stderr.trim()}`);
    }
  }

  async pause(): Promise<void> {
    await this.#checked(["pause", this.#id], `Cannot pause container ${this.#id}`);
  }

  async resume(): Promise<void> {
    await this.#checked(["resume", this.#id], `Cannot unpause container ${this.#id}`);
  }

  /** `resourcesFile` holds the specification's `linux.resources` object. */
  async update(resourcesFile: string): Promise<void> {
    const command = ["update", "--resources", resourcesFile, this.#id];
    await this.#checked(command, `Cannot update container ${this.#id}`);
  }

  async #checked(command: string[], what: string): Promise<void> {
    const { exitCode, stderr } = await this.#simple(command);
    if (exitCode !== 0) throw unavailable(`${what}: ${this.#runtime.name}: ${stderr.trim()}`);
  }

  #simple(command: string[]): Promise<RunResult> {
    return run([this.#executable(), ...this.#runtime.arguments, "--root", this.#root, ...command], {
      stderr: "pipe",
      argv0: this.#runtime.path,
      env: environment(),
      cwd: "/",
      ...this.#hiddenMount(false),
    });
  }

  async #call(
    command: string[],
    { log, stdio, cwd }: { log: string; stdio: ContainerStdio; cwd: string },
  ): Promise<number> {
    rmSync(log, { force: true });
    const globals = ["--root", this.#root, "--log", log, "--log-format", "json"];
    try {
      const result = await run([this.#executable(), ...this.#runtime.arguments, ...globals, ...command], {
        stdin: stdio.stdin,
        stdout: stdio.stdout,
        stderr: stdio.stderr,
        argv0: this.#runtime.path,
        env: environment(),
        cwd,
        ...this.#hiddenMount(command[0] === "exec"),
      });
      return result.exitCode;
    } catch (error) {
      throw unavailable(`cannot run the OCI runtime ${this.#runtime.path}: ${messageOf(error)}`, error);
    }
  }

  /** crun starts itself twice otherwise, which is a quarter of the time of an exec. */
  #executable(): string {
    return this.#runtime.isCrun ? sealedCopy(this.#runtime.path) : this.#runtime.path;
  }

  /** Only a container that is created needs mounts that were made for it. */
  #hiddenMount(kept: boolean): { hiddenMount?: HiddenMount } {
    if (!this.#runtime.isCrun || !isHybridHost()) return {};
    return { hiddenMount: { ...hybridMount, kept } };
  }

  #failure(action: RuntimeAction, log: string, specification: string) {
    const text = existsSync(log) ? readFileSync(log, "utf8") : "";
    return runtimeError(this.#runtime, action, lastRuntimeError(text), readProcess(specification));
  }
}

function consoleArguments({ consoleSocket }: ContainerStdio): string[] {
  return consoleSocket === undefined ? [] : ["--console-socket", consoleSocket];
}

/** Runtimes get nothing of the daemon's environment but the way to find helpers (hooks, criu). */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? usualDirectories.join(delimiter) };
}

/** The `process` object: that of a config.json, or a file of its own. */
function readProcess(path: string): FailedProcess {
  const json = JSON.parse(readFileSync(path, "utf8")) as FailedProcess & { process?: FailedProcess };
  return json.process ?? json;
}
