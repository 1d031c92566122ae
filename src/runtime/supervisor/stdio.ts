import { closeSync, constants, openSync, rmSync } from "node:fs";
import { errnoOf, internal } from "../../base/errors.ts";
import { setNonBlocking, setPipeSize } from "../../linux/fd.ts";
import { makeFifo, openFifoBothWays, openFifoReader, openFifoWriter } from "../../linux/fifo.ts";
import type { Poller } from "../../linux/poller.ts";
import { setWindowSize } from "../../linux/pty.ts";
import { DescriptorListener } from "../../linux/scm.ts";
import type { ContainerStdio } from "../oci-runtime.ts";
import type { ProcessFiles, ProcessState } from "./process-files.ts";
import type { ConsoleSize } from "./protocol.ts";

/** Room for bursts: a process that writes need not wait for each turn of the supervisor. */
const pipeSize = 256 * 1024;

/** The supervisor's ends of a process's standard streams; non-blocking. */
export interface OwnStdio {
  stdin?: number;
  stdout?: number;
  stderr?: number;
  /** The master of its terminal, which is all three. */
  master?: number;
}

/** Standard streams made for a process that is to be started. */
export interface NewStdio {
  child: ContainerStdio;
  /** After the process has been started. Throws `internal` when the runtime has not sent the terminal. */
  own(): OwnStdio;
  /** Closes the process's ends, and the own ones too when they were not taken. */
  [Symbol.dispose](): void;
}

/**
 * FIFOs. The process's ends of stdout and stderr are open both ways: it waits instead of dying while no supervisor
 * runs. So is that of a stdin that never ends; one that may end has its writing end in the supervisor alone.
 */
export function makePipes(files: ProcessFiles, state: ProcessState): NewStdio {
  const childFds: number[] = [];
  const own: OwnStdio = {};
  let taken = false;
  const close = () => {
    for (const fd of childFds.splice(0)) closeSync(fd);
    if (!taken) closeStdio(own);
  };
  const bothWays = (path: string) => {
    makeFifo(path);
    const fd = openFifoBothWays(path);
    childFds.push(fd);
    return fd;
  };
  try {
    const stdout = bothWays(files.stdout);
    own.stdout = openOutput(files.stdout);
    const stderr = bothWays(files.stderr);
    own.stderr = openOutput(files.stderr);
    let stdin: number | "ignore" = "ignore";
    if (state.openStdin) {
      const keeper = bothWays(files.stdin);
      stdin = keeper;
      if (state.stdinOnce) {
        stdin = openSync(files.stdin, constants.O_RDONLY);
        childFds.push(stdin);
      }
      own.stdin = openFifoWriter(files.stdin);
    }
    return {
      child: { stdin, stdout, stderr },
      own: () => {
        taken = true;
        return own;
      },
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function openOutput(path: string): number {
  const fd = openFifoReader(path);
  setPipeSize(fd, pipeSize);
  return fd;
}

/**
 * A terminal, which the runtime makes and whose master it sends to `socketPath`. It gets its size as soon as it has
 * come, which is before most programs ask for it.
 */
export function makeTerminal(poller: Poller, socketPath: string, size: ConsoleSize | undefined): NewStdio {
  rmSync(socketPath, { force: true });
  const listener = new DescriptorListener(socketPath);
  let master: number | undefined;
  const receive = () => {
    master ??= listener.receive();
    if (master === undefined) return;
    watch[Symbol.dispose]();
    setNonBlocking(master);
    if (size) setWindowSize(master, size);
  };
  const watch = poller.watch(listener.fd, "read", receive);
  return {
    child: { stdin: "ignore", stdout: "ignore", stderr: "ignore", consoleSocket: socketPath },
    own: () => {
      if (master === undefined) receive();
      if (master === undefined) throw internal("the OCI runtime has not sent the terminal");
      const taken = { master };
      master = undefined;
      return taken;
    },
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      listener[Symbol.dispose]();
      if (master !== undefined) closeSync(master);
      rmSync(socketPath, { force: true });
    },
  };
}

/** Opens the FIFOs of a process that another supervisor has started. */
export function reopenPipes(files: ProcessFiles, state: ProcessState): OwnStdio {
  const own: OwnStdio = { stdout: openOutput(files.stdout), stderr: openOutput(files.stderr) };
  if (!state.openStdin) return own;
  try {
    own.stdin = openFifoWriter(files.stdin);
  } catch (error) {
    // ENXIO: the process has closed its stdin.
    if (errnoOf(error) !== "ENXIO") throw error;
  }
  return own;
}

export function closeStdio(own: OwnStdio): void {
  for (const fd of [own.stdin, own.stdout, own.stderr, own.master]) if (fd !== undefined) closeSync(fd);
}
