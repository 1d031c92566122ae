import {
  closeSync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, internal } from "../../base/errors.ts";
import { journalFiles } from "./output-journal.ts";
import type { Exit, LogConfig, RuntimeBinary } from "./protocol.ts";

const flush = promisify(fsync);
/** Of tmpfs and ramfs. (linux/magic.h) */
const inMemory: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** What a supervisor writes down of a process, so that another one can take over. */
export interface ProcessState {
  id: string;
  execId?: string;
  runtime: RuntimeBinary;
  /** Of the container. */
  bundle: string;
  tty: boolean;
  openStdin: boolean;
  /** Close stdin when the attached client that sends it has ended. */
  stdinOnce: boolean;
  log?: LogConfig;
  /** Absent while the runtime starts it. */
  started?: {
    pid: number;
    /** Field 22 of /proc/<pid>/stat, against another process with the same number. */
    startTime: string;
    /** Nanoseconds since 1970, decimal. */
    startedAt: string;
  };
}

/** The files of one process below the exec root: its FIFOs, and what is known of it. */
export class ProcessFiles {
  readonly directory: string;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: string;
  readonly runtimeLog: string;
  /** What the names of its output journal's files begin with. */
  readonly journal: string;
  /** For an exec: the specification's `process` object. */
  readonly processSpec: string;
  #state: string;
  #exit: string;

  constructor(directory: string) {
    this.directory = directory;
    this.stdin = join(directory, "stdin");
    this.stdout = join(directory, "stdout");
    this.stderr = join(directory, "stderr");
    this.pid = join(directory, "pid");
    this.runtimeLog = join(directory, "runtime.log");
    this.processSpec = join(directory, "process.json");
    this.journal = join(directory, "output");
    this.#state = join(directory, "state.json");
    this.#exit = join(directory, "exit.json");
  }

  /** Makes the folder, without anything of an earlier life of the process. */
  prepare(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    for (const path of [this.#exit, this.pid, ...journalFiles(this.journal)]) rmSync(path, { force: true });
  }

  /** Survives the end of the supervisor, not that of the host: after that, no process runs either. */
  writeState(state: ProcessState): void {
    const temporary = `${this.#state}.new`;
    writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 });
    renameSync(temporary, this.#state);
  }

  readState(): ProcessState | undefined {
    return readJson(this.#state) as ProcessState | undefined;
  }

  /**
   * The exit is on the disk, for good, when this resolves; where the exec root is in memory, as long as the host is up:
   * there is nothing to flush to, and the threads that would ask for it are busy when many containers end.
   */
  async recordExit(exit: Exit): Promise<void> {
    const temporary = `${this.#exit}.new`;
    const flushes = !inMemory.has(statfsSync(this.directory).type);
    const file = openSync(temporary, "w", 0o600);
    try {
      writeSync(file, JSON.stringify(exit));
      if (flushes) await flush(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.#exit);
    if (!flushes) return;
    const folder = openSync(this.directory, "r");
    try {
      await flush(folder);
    } finally {
      closeSync(folder);
    }
  }

  readExit(): Exit | undefined {
    return readJson(this.#exit) as Exit | undefined;
  }

  /** The pid that the runtime has written; undefined while it has not. */
  readPid(): number | undefined {
    try {
      const pid = Number(readFileSync(this.pid, "latin1").trim());
      return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Removes what this class has made, and nothing else that may be in the folder. */
  remove(): void {
    const files = [this.stdin, this.stdout, this.stderr, this.pid, this.runtimeLog, this.processSpec];
    files.push(...journalFiles(this.journal));
    for (const path of [...files, this.#state, this.#exit, join(this.directory, "exec")]) {
      rmSync(path, { force: true, recursive: true });
    }
  }
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw internal(`${path} is damaged`, error);
  }
}
