import { rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Emitter, KeyedQueue, sleep } from "../../base/async.ts";
import { Cleanups } from "../../base/disposables.ts";
import { conflict, internal, invalidArgument, messageOf, notFound } from "../../base/errors.ts";
import { type Cgroups, detectCgroups } from "../../linux/cgroup.ts";
import { setNonBlocking } from "../../linux/fd.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { processStartTime, sendSignal } from "../../linux/process.ts";
import { encodeSpec } from "../../oci/encode-spec.ts";
import { ContainerCgroup, cgroupPathOf } from "../container-cgroup.ts";
import { OciRuntime } from "../oci-runtime.ts";
import { AttachInput } from "./attach-input.ts";
import { AwaitedClients } from "./awaited-clients.ts";
import { readIsolation, setConsoleSize } from "./bundle-config.ts";
import { prepareRestore, writeCheckpoint } from "./checkpoints.ts";
import { ManagedProcess, type ProcessDeps } from "./managed-process.ts";
import { frame, OutputHub } from "./output-hub.ts";
import { processDirectory } from "./paths.ts";
import { ProcessFiles, type ProcessState } from "./process-files.ts";
import type {
  Attached,
  AttachRequest,
  CheckpointRequest,
  ConsoleSize,
  ExecRequest,
  Exit,
  ProcessStatus,
  RuntimeBinary,
  Started,
  StartRequest,
  Target,
} from "./protocol.ts";
import type { Reaper } from "./reaper.ts";
import { makePipes, makeTerminal, type NewStdio } from "./stdio.ts";

export interface SupervisorDeps extends ProcessDeps {
  execRoot: string;
  reaper: Reaper;
}

const SIGKILL = 9;
const exitInterval = 5;
const validId = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

function keyOf({ id, execId }: Target): string {
  return execId === undefined ? id : `${id}/${execId}`;
}

/** The processes of all containers of one daemon. What it does for dockerd; see the protocol for what it means. */
export class Supervisor {
  /** Every exit, after it is on the disk and all output has been read. */
  readonly exits = new Emitter<Exit>();
  #deps: SupervisorDeps;
  #processes = new Map<string, ManagedProcess>();
  #awaited = new AwaitedClients();
  #turns = new KeyedQueue();
  #cgroups: Cgroups = detectCgroups();
  #terminals = 0;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
  }

  list(): ProcessStatus[] {
    return [...this.#processes.values()].map((process) => process.status);
  }

  /** True while a container runs or is being started. */
  get isBusy(): boolean {
    return [...this.#processes.values()].some((process) => process.exit === undefined);
  }

  start(request: StartRequest): Promise<Started> {
    return this.#turns.run(request.id, async () => {
      const { id, bundle, runtime, tty, openStdin, stdinOnce, log } = request;
      await this.#makeRoomFor(id);
      const state: ProcessState = { id, runtime, bundle, tty, openStdin, stdinOnce, log };
      const files = this.#filesOf(request);
      const { pid: pidFile, runtimeLog } = files;
      if (tty && request.consoleSize) setConsoleSize(bundle, request.consoleSize);
      const { checkpoint } = request;
      const from =
        checkpoint === undefined ? undefined : prepareRestore(this.#runtime(state), checkpoint, bundle);
      return this.#launch(state, files, request.consoleSize, (stdio) => {
        const call = { bundle, pidFile, log: runtimeLog, stdio };
        return from ? this.#runtime(state).restore({ ...call, ...from }) : this.#runtime(state).run(call);
      });
    });
  }

  /** A container that has ended and was not deleted gives way to its next life. */
  async #makeRoomFor(id: string): Promise<void> {
    const old = this.#processes.get(id);
    if (!old) return;
    if (!old.exit) throw conflict(`container ${id} is already running`);
    await this.#remove(id);
  }

  exec(request: ExecRequest): Promise<Started> {
    return this.#turns.run(keyOf(request), async () => {
      const { id, execId, runtime, tty, openStdin, consoleSize: size } = request;
      const container = this.#running(id);
      if (this.#processes.has(keyOf(request))) throw conflict(`exec ${execId} has already been started`);
      const { bundle } = container.state;
      const state: ProcessState = { id, execId, runtime, bundle, tty, openStdin, stdinOnce: true };
      const files = this.#filesOf(request);
      return this.#launch(state, files, size, async (stdio) => {
        const spec = { ...request.processSpec, ...(size ? { consoleSize: size } : {}) };
        writeFileSync(files.processSpec, encodeSpec(spec), { mode: 0o600 });
        const { processSpec: processFile, pid: pidFile, runtimeLog: log } = files;
        await this.#runtime(state).exec({ processFile, pidFile, log, stdio });
      });
    });
  }

  async #launch(
    state: ProcessState,
    files: ProcessFiles,
    size: ConsoleSize | undefined,
    call: (stdio: NewStdio["child"]) => Promise<void>,
  ): Promise<Started> {
    const key = keyOf(state);
    const awaited = this.#awaited.take(key);
    let process: ManagedProcess | undefined;
    try {
      process = new ManagedProcess(this.#deps, state, files, awaited.hub);
      for (const input of awaited.inputs) process.connectInput(input);
      this.#processes.set(key, process);
      await process.logReady();
      files.prepare();
      files.writeState(state);
      await this.#run(process, size, call);
    } catch (error) {
      this.#processes.delete(key);
      process?.close();
      awaited.hub.finish();
      await this.#clearFailedStart(state, files);
      throw error;
    }
    const { pid, startedAt, console } = process.status;
    return { pid, startedAt, ...(console ? { console } : {}) };
  }

  async #run(
    process: ManagedProcess,
    size: ConsoleSize | undefined,
    call: (stdio: NewStdio["child"]) => Promise<void>,
  ): Promise<void> {
    const { state, files } = process;
    using stdio = state.tty
      ? makeTerminal(this.#deps.poller, this.#terminalSocket(), size)
      : makePipes(files, state);
    await using undo = new Cleanups();
    const hold = this.#deps.reaper.hold();
    undo.add(() => hold[Symbol.dispose]());
    await call(stdio.child);
    const pid = files.readPid();
    if (pid === undefined) throw internal(`${state.runtime.name} has not written the process's number`);
    // It may have ended already, and is a zombie then until it is reaped below.
    const startTime = processStartTime(pid) ?? "";
    state.started = { pid, startTime, startedAt: String(this.#deps.clock.nowNanos()) };
    files.writeState(state);
    process.begin(stdio.own());
    undo.keep();
    // After the answer to the start has been sent: nobody may hear of an end before.
    setImmediate(() => {
      this.#watch(process);
      hold[Symbol.dispose]();
    });
  }

  #watch(process: ManagedProcess): void {
    this.#deps.reaper.watch(process.pid, (status) => this.#recordEnd(process, status));
  }

  #recordEnd(process: ManagedProcess, status: number | undefined): void {
    this.#ended(process, status).catch((error: unknown) => {
      this.#deps.log.error("recording an exit failed", { ...process.state.started, error: messageOf(error) });
    });
  }

  async #ended(process: ManagedProcess, status: number | undefined): Promise<void> {
    let oomKilled = false;
    if (process.state.execId === undefined) {
      const { cgroup, ownPids } = this.#isolationOf(process.state);
      oomKilled = cgroup.oomKills() > 0;
      // Without a pid namespace of its own, nothing else ends what the first process leaves behind.
      if (!ownPids) cgroup.killAll();
    }
    const exit = await process.ended(status, oomKilled);
    this.exits.emit(exit);
  }

  /** The container's cgroup, and whether its processes die with the first one, as its config.json says. */
  #isolationOf({ id, bundle }: ProcessState): { cgroup: ContainerCgroup; ownPids: boolean } {
    let isolation: ReturnType<typeof readIsolation> = { cgroupsPath: undefined, ownPids: true };
    try {
      isolation = readIsolation(bundle);
    } catch (error) {
      this.#deps.log.warn("a container's config.json cannot be read", { id, error: messageOf(error) });
    }
    // Without a path, runtimes name the cgroup after the container.
    const path = cgroupPathOf(isolation.cgroupsPath ?? id);
    return { cgroup: new ContainerCgroup(this.#cgroups, path), ownPids: isolation.ownPids };
  }

  async #clearFailedStart(state: ProcessState, files: ProcessFiles): Promise<void> {
    try {
      if (state.execId === undefined) {
        await this.#callRuntime(state, (runtime) => runtime.delete());
        // A runtime that failed early has made some of it, and forgotten that.
        await this.#isolationOf(state).cgroup.remove();
      }
      files.remove();
      if (state.execId !== undefined) rmSync(files.directory, { recursive: true, force: true });
    } catch (error) {
      // What made the start fail is what the user must hear.
      this.#deps.log.warn("clearing up after a failed start failed", {
        id: state.id,
        error: messageOf(error),
      });
    }
  }

  /** Registers a client; returns what is to be sent to it before the stream. */
  attach(socket: Socket, request: AttachRequest): { attached: Attached; begin: () => void } {
    const key = keyOf(request);
    const input = new AttachInput(socket, request.stdin);
    const process = this.#processes.get(key);
    if (process && !process.exit) {
      const snapshot = process.logSnapshot();
      const attached = snapshot ? { logPosition: snapshot.position } : {};
      return {
        attached,
        begin: () => {
          const client = process.hub.add(socket, request);
          for (const stream of ["stdout", "stderr"] as const) {
            const pending = snapshot?.pending[stream];
            if (!request.replay || !request[stream] || !pending || pending.length === 0) continue;
            client.send(process.state.tty ? pending : frame(stream, pending));
          }
          process.connectInput(input);
        },
      };
    }
    return { attached: {}, begin: () => this.#awaited.add(key, socket, request, input) };
  }

  kill(target: Target, signal: number, all: boolean): void {
    if (!Number.isInteger(signal) || signal < 0 || signal > 64) {
      throw invalidArgument(`invalid signal: ${signal}`);
    }
    const process = this.#running(target.id, target.execId);
    if (!all) process.signal(signal);
    else for (const pid of this.pids(target.id)) sendSignal(pid, signal);
    // A frozen process would only die when somebody thaws it; who froze it does not matter any more.
    if (signal === SIGKILL && target.execId === undefined) this.#isolationOf(process.state).cgroup.thaw();
  }

  pids(id: string): number[] {
    return this.#isolationOf(this.#running(id).state).cgroup.pids();
  }

  resize(target: Target, size: ConsoleSize): void {
    this.#running(target.id, target.execId).resize(size);
  }

  closeStdin(target: Target): void {
    this.#running(target.id, target.execId).closeStdin();
  }

  /** Where the processes end with it, that has been told when this resolves. */
  checkpoint(request: CheckpointRequest): Promise<void> {
    return this.#turns.run(request.id, async () => {
      const process = this.#running(request.id);
      await this.#callRuntime(process.state, (runtime) => writeCheckpoint(runtime, process, request));
      while (!request.leaveRunning && !process.exit) await sleep(exitInterval);
    });
  }

  pause(id: string): Promise<void> {
    return this.#turns.run(id, () =>
      this.#callRuntime(this.#running(id).state, (runtime) => runtime.pause()),
    );
  }

  resume(id: string): Promise<void> {
    return this.#turns.run(id, () =>
      this.#callRuntime(this.#running(id).state, (runtime) => runtime.resume()),
    );
  }

  update(id: string, resources: unknown): Promise<void> {
    return this.#turns.run(id, async () => {
      const process = this.#running(id);
      const path = join(process.files.directory, "resources.json");
      writeFileSync(path, JSON.stringify(resources), { mode: 0o600 });
      try {
        await this.#callRuntime(process.state, (runtime) => runtime.update(path));
      } finally {
        rmSync(path, { force: true });
      }
    });
  }

  delete(id: string): Promise<void> {
    return this.#turns.run(id, async () => {
      this.#filesOf({ id });
      const process = this.#processes.get(id);
      if (process && !process.exit) throw conflict(`container ${id} is running`);
      await this.#remove(id);
    });
  }

  async #remove(id: string): Promise<void> {
    this.#awaited.take(id).hub.finish();
    const process = this.#processes.get(id);
    if (!process) return;
    await this.#callRuntime(process.state, (runtime) => runtime.delete());
    await this.#isolationOf(process.state).cgroup.remove();
    process.files.remove();
    for (const [key, other] of this.#processes) {
      if (other.state.id !== id) continue;
      other.close();
      this.#processes.delete(key);
    }
  }

  /** An exec that has ended, and whose end was told, is forgotten. */
  forgetExec(exit: Exit): void {
    const process = exit.execId === undefined ? undefined : this.#processes.get(keyOf(exit));
    if (!process?.exit) return;
    this.#processes.delete(keyOf(exit));
    rmSync(process.files.directory, { recursive: true, force: true });
  }

  /** Takes up a process that an earlier supervisor has started. `lives`: it has not ended in the meantime. */
  adopt(process: ManagedProcess, lives: boolean): void {
    this.#processes.set(keyOf(process.state), process);
    if (process.exit) return;
    if (lives) this.#watch(process);
    else this.#recordEnd(process, undefined);
  }

  /** The pieces that adoption needs to make a process. */
  processOf(state: ProcessState): ManagedProcess {
    const files = this.#filesOf(state);
    try {
      return new ManagedProcess(this.#deps, state, files, new OutputHub(tmpdir()));
    } catch (error) {
      this.#deps.log.error("a log cannot be opened any more", { id: state.id, error: messageOf(error) });
      const { log: _unusable, ...rest } = state;
      return new ManagedProcess(this.#deps, rest, files, new OutputHub(tmpdir()));
    }
  }

  async discard(state: ProcessState): Promise<void> {
    await this.#clearFailedStart(state, this.#filesOf(state));
  }

  adoptConsole(target: Target, owner: number, fd: number): void {
    const process = this.#running(target.id, target.execId);
    if (process.status.console) return;
    using pidfd = Pidfd.open(owner);
    if (!pidfd) throw notFound(`no process ${owner}`);
    const master = pidfd.duplicate(fd);
    setNonBlocking(master);
    process.setMaster(master);
  }

  #running(id: string, execId?: string): ManagedProcess {
    const process = this.#processes.get(keyOf(execId === undefined ? { id } : { id, execId }));
    if (!process?.isRunning) throw conflict(`container ${id} is not running`);
    return process;
  }

  /** While it is at work, its end is not for the reaper. */
  async #callRuntime(
    state: { id: string; runtime: RuntimeBinary },
    call: (runtime: OciRuntime) => Promise<void>,
  ): Promise<void> {
    using _hold = this.#deps.reaper.hold();
    await call(this.#runtime(state));
  }

  #runtime(state: { id: string; runtime: RuntimeBinary }): OciRuntime {
    const root = join(this.#deps.execRoot, "runtime", state.runtime.name);
    return new OciRuntime(state.runtime, root, state.id);
  }

  #terminalSocket(): string {
    return join(this.#deps.execRoot, `terminal-${this.#terminals++}.sock`);
  }

  /** Throws `invalidArgument` when an id could lead out of the exec root. */
  #filesOf(target: Target): ProcessFiles {
    const { id, execId } = target;
    for (const name of execId === undefined ? [id] : [id, execId]) {
      if (!validId.test(name)) throw invalidArgument(`invalid id: ${name}`);
    }
    return new ProcessFiles(processDirectory(this.#deps.execRoot, target));
  }
}
