import { dirname } from "node:path";
import { sleep } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { conflict, EngineError, isEngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { duplicate } from "../../linux/fd.ts";
import type { Poller } from "../../linux/poller.ts";
import { endingOf, processStartTime, sendSignal } from "../../linux/process.ts";
import { setWindowSize, terminalNumber } from "../../linux/pty.ts";
import type { LogDriver, LogProgress } from "../logs/log-driver.ts";
import { openLog } from "../logs/open-log.ts";
import { lateExecError } from "../oci-errors.ts";
import type { AttachInput } from "./attach-input.ts";
import { InputWriter } from "./input-writer.ts";
import type { OutputHub, OutputStream } from "./output-hub.ts";
import { notedPosition, OutputJournal } from "./output-journal.ts";
import { OutputReader } from "./output-reader.ts";
import type { ProcessFiles, ProcessState } from "./process-files.ts";
import type { ConsoleSize, Exit, LogPosition, ProcessStatus } from "./protocol.ts";
import type { OwnStdio } from "./stdio.ts";

/** How long output is waited for after the end of a process: another one may hold its stdout open. As in Docker. */
const flushPatience = 2000;
/** What runc leaves when execve(2) fails after the container was set up. */
const execFailedCode = 255;
const openingBrace = "{".charCodeAt(0);

export interface ProcessDeps {
  poller: Poller;
  clock: Clock;
  log: Logger;
}

function logFailed(error: unknown): EngineError {
  const code = isEngineError(error) ? error.code : "internal";
  const what = "failed to create task for container: failed to initialize logging driver";
  return new EngineError(code, `${what}: ${messageOf(error)}`, { cause: error });
}

/** One process of a container, the first or an exec: its streams, its log, its end. */
export class ManagedProcess {
  readonly state: ProcessState;
  readonly files: ProcessFiles;
  readonly hub: OutputHub;
  exit: Exit | undefined;
  /** It has ended; its output is being read, and its exit recorded. */
  #ended = false;
  #deps: ProcessDeps;
  #readers: OutputReader[] = [];
  #input: InputWriter | undefined;
  #waitingInputs: AttachInput[] | undefined = [];
  #log: LogDriver | undefined;
  #journal: OutputJournal | undefined;
  #master: number | undefined;
  #open = 0;
  #abandoned = false;
  #hasOutput = false;
  #execFailed = false;
  #flushed = Promise.withResolvers<void>();

  /** Throws `invalidArgument` when the log's options make no sense. */
  constructor(deps: ProcessDeps, state: ProcessState, files: ProcessFiles, hub: OutputHub) {
    this.#deps = deps;
    this.state = state;
    this.files = files;
    this.hub = hub;
    hub.tty = state.tty;
    hub.onUnblocked = () => this.#resume();
    this.#log = state.log && this.#openLog(state.log);
    if (state.log && this.#log) hub.spoolDirectory = dirname(state.log.path);
  }

  #openLog(config: NonNullable<ProcessState["log"]>): LogDriver | undefined {
    const onFailure = (error: unknown) => {
      const fields = { container: this.state.id, error: messageOf(error) };
      this.#deps.log.error("output of a container cannot be logged", fields);
    };
    // One that runs has a log of another supervisor, which may have been killed at its work.
    const noted = this.state.started && notedPosition(this.files.journal);
    const owner = { clock: this.#deps.clock, onFailure, onUnblocked: () => this.#resume() };
    try {
      return openLog(config, { ...owner, ...(noted ? { noted } : {}) });
    } catch (error) {
      throw logFailed(error);
    }
  }

  /** Resolves when its log can take output. Rejects, in Docker's words, when that cannot be. */
  async logReady(): Promise<void> {
    try {
      await this.#log?.ready();
    } catch (error) {
      throw logFailed(error);
    }
  }

  get pid(): number {
    return this.state.started?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.state.started !== undefined && this.exit === undefined && !this.#ended;
  }

  get status(): ProcessStatus {
    const { id, execId, tty, started } = this.state;
    return {
      id,
      ...(execId === undefined ? {} : { execId }),
      pid: this.pid,
      startedAt: started?.startedAt ?? "0",
      tty,
      ...(this.#master === undefined
        ? {}
        : { console: { fd: this.#master, pty: terminalNumber(this.#master) } }),
      ...(this.exit ? { exit: this.exit } : {}),
    };
  }

  /** Takes over the streams of the process, which runs. */
  begin(own: OwnStdio): void {
    const log = this.#log;
    if (log?.progress && !this.state.tty) {
      this.#journal = new OutputJournal(this.files.journal, {
        progress: () => (log.progress as () => LogProgress)(),
        onFailure: (error) => this.#journalFailed(error),
      });
    }
    if (own.stdout !== undefined) this.#readFrom(own.stdout, "stdout");
    if (own.stderr !== undefined) this.#readFrom(own.stderr, "stderr");
    if (this.#journal?.hasLeftovers) for (const reader of this.#readers) reader.readNow();
    if (own.stdin !== undefined)
      this.#input = new InputWriter(this.#deps.poller, own.stdin, { terminal: false });
    if (own.master === undefined) this.#connectWaiting();
    else this.setMaster(own.master);
  }

  #journalFailed(error: unknown): void {
    this.#deps.log.warn("output is logged without a journal: a supervisor that is killed loses some", {
      container: this.state.id,
      error: messageOf(error),
    });
  }

  /** Takes over the master of its terminal. */
  setMaster(master: number): void {
    this.#master = master;
    if (this.state.openStdin)
      this.#input = new InputWriter(this.#deps.poller, duplicate(master), { terminal: true });
    this.#readFrom(master, "stdout");
    this.#connectWaiting();
  }

  #readFrom(fd: number, stream: OutputStream): void {
    this.#open++;
    const journal = this.#journal;
    const reader = new OutputReader({
      poller: this.#deps.poller,
      fd,
      terminal: fd === this.#master,
      ...(journal ? { read: (buffer: Uint8Array) => journal.read(stream, fd, buffer) } : {}),
      onData: (chunk) => this.#output(stream, chunk),
      onEnd: () => this.#outputEnded(fd),
    });
    this.#readers.push(reader);
  }

  #output(stream: OutputStream, chunk: Uint8Array): boolean {
    // Nobody listens any more, but a process that lives on must not come to a halt over a full pipe.
    if (this.#abandoned) return true;
    if (!this.#hasOutput) {
      this.#hasOutput = true;
      chunk = this.#replaceExecError(chunk);
    }
    this.#log?.write(stream, chunk);
    this.#journal?.logged(stream);
    this.hub.write(stream, chunk);
    return !this.hub.blocked && !this.#log?.isFull;
  }

  #replaceExecError(chunk: Uint8Array): Uint8Array {
    if (!this.state.runtime.isCrun || chunk[0] !== openingBrace) return chunk;
    const message = lateExecError(Buffer.from(chunk).toString());
    if (message === undefined) return chunk;
    this.#execFailed = true;
    return Buffer.from(message);
  }

  #outputEnded(fd: number): void {
    if (fd === this.#master) this.#master = undefined;
    if (--this.#open === 0) this.#flushed.resolve();
  }

  #resume(): void {
    // What a process that has ended left in its pipes is little, and taken at once.
    if (!this.#ended && this.#log?.isFull) return;
    for (const reader of this.#readers) reader.resume();
  }

  /** Lets an attached client write to stdin; what it sends before the process runs waits. */
  connectInput(input: AttachInput): void {
    if (this.#waitingInputs) this.#waitingInputs.push(input);
    else input.bind(this.#input, this.state.stdinOnce && !this.state.tty);
  }

  #connectWaiting(): void {
    const waiting = this.#waitingInputs ?? [];
    this.#waitingInputs = undefined;
    for (const input of waiting) this.connectInput(input);
  }

  closeStdin(): void {
    if (!this.state.tty) this.#input?.end();
  }

  /** What of the log a new client would not see in its stream, and the lines that are in neither. */
  logSnapshot(): { position: LogPosition; pending: Record<OutputStream, Uint8Array> } | undefined {
    return this.#log?.snapshot();
  }

  /** Does nothing without a terminal, as in Docker. Throws `conflict` when its terminal has ended. */
  resize(size: ConsoleSize): void {
    if (!this.state.tty) return;
    if (this.#master === undefined) throw conflict(`container ${this.state.id} has no terminal that runs`);
    setWindowSize(this.#master, size);
  }

  /** Throws `conflict` when it does not run. */
  signal(signal: number): void {
    const { pid = 0, startTime = "" } = this.state.started ?? {};
    // The number of a process that is not a child may be another one's before its end is noticed.
    const isSame = startTime === "" || processStartTime(pid) === startTime;
    if (!this.isRunning || !isSame || !sendSignal(pid, signal)) {
      throw conflict(`container ${this.state.id} is not running`);
    }
  }

  /**
   * The process has ended with a wait status (undefined: nobody knows). All its output goes where it belongs, then
   * how it ended is on the disk, then this resolves.
   */
  async ended(status: number | undefined, oomKilled: boolean): Promise<Exit> {
    this.#ended = true;
    const finishedAt = this.#deps.clock.nowNanos();
    await this.#drain();
    this.#closeStreams();
    const ending = status === undefined ? { exitCode: 255, signal: 0 } : endingOf(status);
    const { id, execId } = this.state;
    const exit: Exit = {
      id,
      ...(execId === undefined ? {} : { execId }),
      pid: this.pid,
      ...ending,
      ...(this.#execFailed ? { exitCode: execFailedCode } : {}),
      oomKilled,
      finishedAt: String(finishedAt),
      ...(status === undefined ? { unseen: true } : {}),
    };
    if (execId === undefined) await this.#record(exit);
    this.exit = exit;
    return exit;
  }

  /** On a full disk it is better told than kept: dockerd, which writes it down too, may be there. */
  async #record(exit: Exit): Promise<void> {
    try {
      await this.files.recordExit(exit);
    } catch (error) {
      this.#deps.log.error("an exit cannot be recorded", { container: exit.id, error: messageOf(error) });
    }
  }

  async #drain(): Promise<void> {
    this.hub.hurry();
    for (const reader of this.#readers) reader.processEnded();
    if (this.#open === 0) return;
    const patience = new AbortController();
    const waited = sleep(flushPatience, patience.signal).catch(() => {});
    await Promise.race([this.#flushed.promise, waited]);
    patience.abort();
  }

  #closeStreams(): void {
    this.#abandoned = true;
    for (const stream of ["stdout", "stderr"] as const) {
      this.#log?.end(stream);
      this.#journal?.logged(stream);
    }
    this.#journal?.close();
    this.#journal = undefined;
    this.#log?.close();
    this.#log = undefined;
    this.#input?.close();
    this.hub.finish();
  }

  /** Gives up everything that is open, without an end: the start has failed, or the container is deleted. */
  close(): void {
    this.#closeStreams();
    for (const reader of this.#readers) reader.close();
  }
}
