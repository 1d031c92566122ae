import { type EngineError, internal, invalidArgument } from "../base/errors.ts";
import type { RuntimeBinary } from "./supervisor/protocol.ts";

/** Whether a container or another process in a running container could not be started. */
export type RuntimeAction = "create" | "exec";

/**
 * The last error in a runtime's JSON log (`--log-format json`), or undefined. runc and crun both write
 * `{"level":"error","msg":"…"}` a line.
 */
export function lastRuntimeError(log: string): string | undefined {
  for (const line of log.trimEnd().split("\n").reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
      if (level === "error" && typeof msg === "string") return msg;
    } catch {
      if (line !== "") return line; // not JSON: a runtime that ignores the option
    }
  }
  return undefined;
}

/** What of the specification's `process` object can be to blame for a failure. */
export interface FailedProcess {
  args?: readonly string[];
  cwd?: string;
  rlimits?: readonly { type: string; soft: number; hard: number }[];
}

/**
 * What the API tells when a runtime has failed, in the words that Docker with runc uses, since scripts and the client
 * (for its exit codes 126 and 127) look for them.
 */
export function runtimeError(
  runtime: RuntimeBinary,
  action: RuntimeAction,
  message: string | undefined,
  process: FailedProcess,
): EngineError {
  const reason = message === undefined ? undefined : reasonOf(message, process);
  const prefix =
    action === "create"
      ? "failed to create task for container: failed to create shim task: OCI runtime create failed: "
      : "OCI runtime exec failed: ";
  if (action === "exec" && reason?.startsWith("chdir") && !process.cwd?.startsWith("/")) {
    return invalidArgument(`${prefix}exec failed: Cwd must be an absolute path: unknown`);
  }
  const wrong = message === undefined ? undefined : namespaceError(message);
  if (wrong !== undefined) return invalidArgument(`${prefix}runc create failed: ${wrong}: unknown`);
  if (reason === undefined) {
    return internal(`${prefix}${runtime.name}: ${message ?? "failed without an error message"}: unknown`);
  }
  const step =
    action === "create"
      ? "runc create failed: unable to start container process: error during container init: "
      : "exec failed: unable to start container process: ";
  return invalidArgument(`${prefix}${step}${reason}: unknown${hintFor(reason)}`);
}

function reasonOf(message: string, process: FailedProcess): string | undefined {
  return (
    limitError(message, process) ??
    directoryError(message, process) ??
    programError(message, process.args?.[0] ?? "") ??
    mountError(message) ??
    settingError(message)
  );
}

/** What Docker adds to the runtime's words. */
function hintFor(reason: string): string {
  // Clients look for these words to tell that the exit code is 126.
  if (reason.endsWith(": is a directory")) return ": permission denied";
  return reason.endsWith(": not a directory") && reason.startsWith("error mounting")
    ? `: ${notADirectory}`
    : "";
}

/** With so few files, a runtime can set no container up: it opens more at a time itself. */
const fewFiles = 64;

/** The limit of open files holds for the runtime's own work already, which then fails anywhere, in any words. */
function limitError(message: string, { rlimits = [] }: FailedProcess): string | undefined {
  const files = rlimits.find(({ type }) => type === "RLIMIT_NOFILE");
  if (!files || files.soft >= fewFiles) return undefined;
  if (!/: (Too many open files|No space left on device)$/.test(message)) return undefined;
  return `the limit of open files is too low to set the container up (nofile=${files.soft}:${files.hard}): too many open files`;
}

/** The working directory that was asked for. */
function directoryError(message: string, { cwd = "" }: FailedProcess): string | undefined {
  const why = /^chdir(?: to)? `.*`: (.*)$/s.exec(message)?.[1];
  if (why === undefined) return undefined;
  return `chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: ${why.toLowerCase()}`;
}

const notADirectory =
  "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";

/** A file where a directory should be, or the other way round: what the user asked for, in runc's words. */
function mountError(message: string): string | undefined {
  const missing = /^error stat'ing file `(.*)`: Not a directory$/s.exec(message)?.[1];
  if (missing !== undefined)
    return `error mounting ${JSON.stringify(missing)}: stat ${missing}: not a directory`;
  const match = /^mount `(.*)` to `(.*)`: Not a directory$/s.exec(message);
  if (!match) return undefined;
  const [, source = "", target = ""] = match;
  const place = target.startsWith("/") ? target : `/${target}`;
  return `error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(place)}: not a directory`;
}

/** What is not a setting of the kernel, or not such a value. */
function settingError(message: string): string | undefined {
  const missing = /^open (\/proc\/sys\/\S+): No such file or directory$/.exec(message)?.[1];
  if (missing !== undefined) return `open ${missing}: no such file or directory`;
  const match = /^write to (\/proc\/sys\/\S+): (.*)$/s.exec(message);
  return match ? `write ${match[1]}: ${(match[2] ?? "").toLowerCase()}` : undefined;
}

/** Settings that belong to a namespace that the container does not have, in runc's words. */
function namespaceError(message: string): string | undefined {
  const match = /^the sysctl `(.*)` requires a new (\S+) namespace$/.exec(message);
  if (!match) return undefined;
  const [, name = "", kind = ""] = match;
  const setting = `sysctl ${JSON.stringify(name)}`;
  if (kind === "network") return `${setting} not allowed in host network namespace`;
  if (kind === "IPC") return `${setting} is not allowed in the hosts ipc namespace`;
  return `${setting} is not in a separate kernel namespace`;
}

/** Why a program cannot be executed, as Go's os/exec says it; undefined when that is not what went wrong. */
function programError(message: string, program: string): string | undefined {
  const goStyle = /(exec: ".*": .*)$/s.exec(message);
  if (goStyle?.[1] !== undefined) return goStyle[1];
  const missing = /executable file `(.*)` not found in \$PATH/s.exec(message);
  if (missing) {
    const name = missing[1] ?? program;
    return name.includes("/")
      ? `exec: ${JSON.stringify(name)}: stat ${name}: no such file or directory`
      : `exec: ${JSON.stringify(name)}: executable file not found in $PATH`;
  }
  const subject = `exec: ${JSON.stringify(program)}`;
  if (program === "") return `${subject}: executable file not found in $PATH`;
  if (/open executable: Permission denied|exec.*Permission denied/s.test(message)) {
    return `${subject}: permission denied`;
  }
  if (/open executable: (Operation not permitted|Is a directory)/.test(message)) {
    return `${subject}: is a directory`;
  }
  return undefined;
}

/**
 * crun notices a failing execve(2) (a file that is no program) only after it has reported success, and writes its error
 * where the container's standard error goes, as the first and only thing there. Gives the line that Docker has in its
 * place; undefined for everything else.
 */
export function lateExecError(firstOutput: string): string | undefined {
  if (!firstOutput.startsWith('{"msg":"exec container process ')) return undefined;
  const match = /^exec container process `(.*)`: (.*)$/s.exec(lastRuntimeError(firstOutput) ?? "");
  return match ? `exec ${match[1]}: ${(match[2] ?? "").toLowerCase()}\n` : undefined;
}
