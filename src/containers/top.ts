import type { ContainerTopResponse } from "../api/containers.ts";
import { conflict, internal, invalidArgument } from "../base/errors.ts";
import { run } from "../linux/spawn.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";

/** Columns of ps that show something else under the name of the process id would list what is not the container's. */
const renamedPid = /\s+(\S*)=\s*(PID\S*)/;

/**
 * `docker top`: the host's ps(1) with the client's arguments, and of it the lines of the container's processes. Throws
 * `conflict` when it does not run, `invalidArgument` for arguments that ps refuses.
 */
export async function topProcesses(
  deps: ContainerDeps,
  container: Container,
  psArguments: string,
): Promise<ContainerTopResponse> {
  if (!isRunning(container)) throw conflict(`container ${container.id} is not running`);
  if (container.state.status === "restarting") {
    throw conflict(`container ${container.id} is restarting, wait until the container is running`);
  }
  const given = psArguments.trim() || "-ef";
  const renamed = renamedPid.exec(given);
  if (renamed && renamed[1] !== "pid") {
    throw invalidArgument(`specifying "${renamed[0].trim()}" is not allowed`);
  }
  const pids = new Set(await deps.supervisor.pids(container.id));
  const table = parseTable(await ps(given.split(/\s+/)), pids);
  deps.events("top", container, {});
  return table;
}

async function ps(options: readonly string[]): Promise<string> {
  const path = Bun.which("ps");
  if (path === null) throw internal('error running ps: exec: "ps": executable file not found in $PATH');
  const { stdout, stderr, exitCode } = await run([path, ...options], {
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
  });
  if (exitCode === 0) return stdout;
  const [why = `exit status ${exitCode}`] = stderr.split("\n").filter(Boolean);
  throw invalidArgument(`ps: ${why}`);
}

/** The header, and the lines whose process is one of `pids`; the last column takes the rest of its line. */
export function parseTable(text: string, pids: ReadonlySet<number>): ContainerTopResponse {
  const [header = "", ...lines] = text.split("\n");
  const Titles = words(header);
  const column = Titles.indexOf("PID");
  if (column < 0) throw invalidArgument("Couldn't find PID field in ps output");
  const Processes = lines
    .map(words)
    .filter((fields) => pids.has(Number(fields[column])))
    .map((fields) => {
      const last = Titles.length - 1;
      return [...fields.slice(0, last), fields.slice(last).join(" ")];
    });
  return { Titles, Processes };
}

const words = (line: string) => line.split(/\s+/).filter((word) => word !== "");
