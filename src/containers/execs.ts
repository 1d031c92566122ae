import type { ExecConfig, ExecInspectResponse } from "../api/exec.ts";
import { conflict, notFound } from "../base/errors.ts";
import type { Container } from "./container.ts";
import { detachKeysOf } from "./detach-keys.ts";

/** A process that is to run, runs, or has run in a container beside its first one. */
export interface Exec {
  readonly id: string;
  readonly container: Container;
  readonly config: ExecConfig;
  started: boolean;
  running: boolean;
  pid: number;
  exitCode: number | null;
  /** Resolves when its exit is known. */
  readonly ended: PromiseWithResolvers<void>;
}

const keptAfterEnd = 5 * 60_000;
const killedExitCode = 137;

/** The execs of all running containers. They end with their container, or with the daemon. */
export class Execs {
  #byId = new Map<string, Exec>();

  add(exec: Exec): void {
    this.#byId.set(exec.id, exec);
  }

  /** Throws `notFound`. */
  find(id: string): Exec {
    const exec = this.#byId.get(id);
    if (!exec) throw notFound(`No such exec instance: ${id}`);
    return exec;
  }

  /** The ids of those that run in a container; null when there are none. */
  ofContainer(containerId: string): string[] | null {
    const ids = [...this.#byId.values()]
      .filter((exec) => exec.container.id === containerId && exec.running)
      .map((exec) => exec.id);
    return ids.length > 0 ? ids : null;
  }

  /** Takes note of its end; undefined when that is known already. */
  exited(id: string, exitCode: number): Exec | undefined {
    const exec = this.#byId.get(id);
    if (!exec || exec.exitCode !== null) return undefined;
    exec.running = false;
    exec.exitCode = exitCode;
    exec.ended.resolve();
    this.#forgetLater(exec);
    return exec;
  }

  /** Who started it may still ask how it ended, for a while. */
  #forgetLater(exec: Exec): void {
    setTimeout(() => this.#byId.delete(exec.id), keptAfterEnd).unref();
  }

  /** Nobody will ask for it. */
  forget(id: string): void {
    this.#byId.delete(id);
  }

  /** Its execs have ended with it; those that ran are returned. */
  containerEnded(containerId: string): Exec[] {
    const all = [...this.#byId.values()].filter((exec) => exec.container.id === containerId);
    for (const exec of all) if (!exec.running) this.#forgetLater(exec);
    return all.filter((exec) => exec.running && this.exited(exec.id, killedExitCode));
  }
}

/** Throws `conflict` when it runs already or has run. */
export function claimStart(exec: Exec): void {
  if (exec.running) throw conflict(`Error: Exec command ${exec.id} is already running`);
  if (exec.started) throw conflict(`Error: Exec command ${exec.id} has already run`);
  exec.started = true;
}

/** `GET /exec/{id}/json`. */
export function inspectExec(exec: Exec): ExecInspectResponse {
  const [entrypoint = "", ...rest] = exec.config.Cmd ?? [];
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: exec.config.Tty ?? false,
      entrypoint,
      arguments: rest,
      privileged: exec.config.Privileged ?? false,
      user: exec.config.User ?? "",
    },
    OpenStdin: exec.config.AttachStdin ?? false,
    OpenStderr: exec.config.AttachStderr ?? false,
    OpenStdout: exec.config.AttachStdout ?? false,
    CanRemove: false,
    ContainerID: exec.container.id,
    // Go's JSON of bytes.
    DetachKeys: exec.config.DetachKeys
      ? Buffer.from(detachKeysOf(exec.config.DetachKeys, "escape")).toString("base64")
      : "",
    Pid: exec.pid,
  };
}
