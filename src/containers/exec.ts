import type { Duplex, Transform } from "node:stream";
import type { ExecConfig, ExecStartConfig } from "../api/exec.ts";
import { conflict, invalidArgument, messageOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { tracer } from "../base/trace.ts";
import { isEnding } from "../linux/process.ts";
import type { ExecRequest } from "../runtime/supervisor/protocol.ts";
import { joinStreams } from "./attach.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { detachKeysOf } from "./detach-keys.ts";
import { claimStart, type Exec } from "./execs.ts";
import { withLinks } from "./links.ts";
import { containerPaths } from "./paths.ts";
import { buildExecProcess } from "./spec/exec-process.ts";
import { runtimeOf } from "./start.ts";
import { startFailureCode } from "./start-failure.ts";
import { frame, framing, standardOutput } from "./stdcopy.ts";

/**
 * Registers a process to run in the container, which the client called `name`; returns its id. Throws `conflict` when
 * the container does not run.
 */
export function createExec(
  deps: ContainerDeps,
  container: Container,
  config: ExecConfig,
  name = container.id,
): string {
  deps.readiness.expectStart();
  const { status } = container.state;
  if (!isRunning(container)) throw conflict(`container ${container.id} is not running`);
  if (status === "paused") throw conflict(`Container ${name} is paused, unpause the container before exec`);
  if (status === "restarting") {
    throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
  }
  if ((config.Cmd ?? []).length === 0) throw invalidArgument("No exec command specified");
  if (config.DetachKeys) detachKeysOf(config.DetachKeys, "escape");
  const id = newId(deps.random);
  deps.execs.add({
    id,
    container,
    config,
    started: false,
    running: false,
    pid: 0,
    exitCode: null,
    ended: Promise.withResolvers(),
  });
  tellOfExec(deps, "exec_create", deps.execs.find(id));
  return id;
}

/**
 * Starts it; `takeOver` answers the request and gives the raw connection (a detached one does not call it).
 * Resolves when an attached process has ended or its client is gone.
 */
export async function startExec(
  deps: ContainerDeps,
  exec: Exec,
  options: ExecStartConfig,
  takeOver: () => Duplex,
): Promise<void> {
  const { container, config } = exec;
  if (!isRunning(container)) throw conflict(`container ${container.id} is not running`);
  claimStart(exec);
  const target = { id: container.id, execId: exec.id };
  const stdin = config.AttachStdin ?? false;
  const attachment = options.Detach
    ? undefined
    : await deps.supervisor.attach({
        ...target,
        stdin,
        stdout: config.AttachStdout ?? false,
        stderr: config.AttachStderr ?? false,
      });
  // An attached client learns what goes wrong from now on by the output, and by the exit code, as from a shell.
  const connection = attachment && takeOver();
  try {
    await runExec(deps, exec, options);
  } catch (error) {
    attachment?.stream.destroy();
    deps.execs.exited(exec.id, execFailureCode(messageOf(error)));
    if (!connection) throw error;
    const text = `${messageOf(error)}\r\n`;
    connection.end(options.Tty ? text : frame("stdout", text));
    return;
  }
  if (!attachment || !connection) return;
  await joinStreams(connection, attachment.stream, {
    ...adapted(config.Tty ?? false, options.Tty ?? false),
    ...(config.Tty ? { keys: detachKeysOf(config.DetachKeys ?? "", "escape") } : {}),
    stdin,
    onDetach: () => deps.events("exec_detach", container, { execID: exec.id }),
    // Whoever sees the end of the output asks for the exit code next.
    settled: exec.ended.promise,
  });
}

/** The start says whether the client wants frames; who asks for none gets standard output alone. */
function adapted(hasTerminal: boolean, wantsRaw: boolean): { output?: Transform } {
  if (hasTerminal === wantsRaw) return {};
  return { output: hasTerminal ? framing() : standardOutput() };
}

/** What is refused before the runtime is asked (an unknown user) cannot be invoked. */
function execFailureCode(message: string): number {
  return message.startsWith("OCI runtime") ? startFailureCode(message) : 126;
}

/** Has the runtime start it; what it prints goes to whoever has attached before. */
export async function runExec(deps: ContainerDeps, exec: Exec, options: ExecStartConfig): Promise<void> {
  const { container, config } = exec;
  const [height = 0, width = 0] = options.ConsoleSize ?? config.ConsoleSize ?? [];
  const console = height > 0 && width > 0 ? { height, width } : undefined;
  exec.running = true;
  tellOfExec(deps, "exec_start", exec);
  try {
    const request: ExecRequest = {
      id: container.id,
      execId: exec.id,
      processSpec: buildExecProcess(
        {
          config: withLinks(deps, container, { all: false }),
          hostConfig: container.spec.hostConfig,
          rootfs: containerPaths(deps.roots, container.id).rootfs,
          args: config.Cmd ?? [],
          tty: config.Tty ?? false,
          env: config.Env ?? [],
          user: config.User ?? "",
          workingDir: config.WorkingDir ?? "",
          privileged: config.Privileged ?? false,
          consoleSize: console,
          defaultUlimits: deps.settings.ulimits,
          securityDefaults: deps.settings.securityDefaults,
        },
        deps.specHost,
      ),
      runtime: runtimeOf(deps, container),
      tty: config.Tty ?? false,
      openStdin: config.AttachStdin ?? false,
      ...(console === undefined ? {} : { consoleSize: console }),
    };
    const started = await tracer.span("runtime.exec", () => deps.supervisor.exec(request), container.id);
    exec.pid = started.pid;
  } catch (error) {
    exec.running = false;
    // What the runtime says when the container ends under its hands depends on how far it had come.
    if (isEnding(container.state.pid)) throw conflict(`container ${container.id} is not running`, error);
    throw error;
  }
}

/** The event names the command: program and arguments, with a space between them also where there are none. */
function tellOfExec(deps: ContainerDeps, action: "exec_create" | "exec_start", exec: Exec): void {
  const [program = "", ...rest] = exec.config.Cmd ?? [];
  deps.events(`${action}: ${program} ${rest.join(" ")}`, exec.container, { execID: exec.id });
}
