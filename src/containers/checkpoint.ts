import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { sleep } from "../base/async.ts";
import {
  conflict,
  EngineError,
  internal,
  invalidArgument,
  isEngineError,
  messageOf,
  notFound,
  unavailable,
} from "../base/errors.ts";
import { run } from "../linux/spawn.ts";
import { partialOf, removePartial } from "../runtime/supervisor/checkpoints.ts";
import type { CheckpointRequest, RuntimeBinary } from "../runtime/supervisor/protocol.ts";
import { type Container, isRunning } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { containerPaths } from "./paths.ts";
import { runtimeOf } from "./start.ts";

/** Milliseconds. */
const tryInterval = 50;
const mostTries = 100;

const allowed = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** One of a container's checkpoints. */
export interface CheckpointPlace {
  name: string;
  /** Where its folder is; among what is the container's own when this is empty. */
  directory: string;
}

/**
 * `docker checkpoint create`: CRIU writes the container's processes to the disk; they end with that where `exit` says so.
 * Throws, in Docker's words where it has some, `unavailable` with the reason when that cannot be done here.
 */
export async function createCheckpoint(
  deps: ContainerDeps,
  container: Container,
  { name, directory, exit }: CheckpointPlace & { exit: boolean },
): Promise<void> {
  await deps.turns.run(container.id, async () => {
    if (!isRunning(container)) throw conflict(`Container ${container.name} not running`);
    if (container.spec.config.Tty) throw internal("checkpoint not support on containers with tty");
    if (!validName.test(name)) {
      throw invalidArgument(`Invalid checkpoint ID (${name}), only ${allowed} are allowed`);
    }
    const path = join(folderOf(deps, container, directory), name);
    if (existsSync(path)) refuseToOverwrite(path, name, container);
    try {
      const lack = await whatCriuLacks(runtimeOf(deps, container));
      if (lack !== undefined) throw unavailable(lack);
      await dump(deps, container, { id: container.id, directory: path, name, leaveRunning: !exit });
    } catch (error) {
      const code = isEngineError(error) ? error.code : "internal";
      const message = `Cannot checkpoint container ${container.name}: ${messageOf(error)}`;
      throw new EngineError(code, message, { cause: error });
    }
    deps.events("checkpoint", container, {});
  });
  // Its exit, which has been told, is dealt with in the next turn.
  if (exit) await deps.turns.run(container.id, async () => {});
}

function refuseToOverwrite(path: string, name: string, container: Container): never {
  const refused = `cannot checkpoint container ${container.name}`;
  if (!statSync(path).isDirectory()) throw internal(`${refused}: ${path} exists and is not a directory`);
  throw conflict(`${refused}: checkpoint with name ${name} already exists for container ${container.name}`);
}

async function dump(deps: ContainerDeps, container: Container, request: CheckpointRequest): Promise<void> {
  const { stoppedByUser } = container.state;
  // Who has it ended does not want it to be started again, whatever its restart policy says.
  if (!request.leaveRunning) deps.set.setState(container, { stoppedByUser: true });
  const partial = partialOf(request.directory);
  deps.resources.claim({ kind: "checkpoint", key: partial, owner: container.id });
  try {
    await deps.supervisor.checkpoint(request);
  } catch (error) {
    deps.set.setState(container, { stoppedByUser });
    throw error;
  } finally {
    // A supervisor that was killed has its lock for a moment longer.
    for (let tries = 0; tries < mostTries && !dropPartial(deps, partial); tries++) await sleep(tryInterval);
  }
}

/** Removes what crashes have left of checkpoints that they cut off. */
export function dropPartialCheckpoints(deps: ContainerDeps): void {
  for (const { key } of deps.resources.ofKind("checkpoint")) dropPartial(deps, key);
}

/** False when it is still being written; the next start of the daemon tries again. */
function dropPartial(deps: ContainerDeps, key: string): boolean {
  try {
    if (!removePartial(key)) return false;
    deps.resources.release({ kind: "checkpoint", key });
  } catch (error) {
    deps.log.warn("what is left of a checkpoint cannot be removed", { path: key, error: messageOf(error) });
  }
  return true;
}

/** The names of a container's checkpoints; of those in `directory` when that is not empty. */
export function listCheckpoints(deps: ContainerDeps, container: Container, directory: string): string[] {
  const folder = folderOf(deps, container, directory);
  if (!existsSync(folder)) return [];
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map(({ name }) => name)
    .filter((name) => validName.test(name))
    .sort();
}

/** Throws `notFound` when there is none of that name. */
export function removeCheckpoint(deps: ContainerDeps, container: Container, place: CheckpointPlace): void {
  rmSync(findCheckpoint(deps, container, place), { recursive: true });
}

/** The folder of a checkpoint. Throws `notFound`. */
export function findCheckpoint(
  deps: ContainerDeps,
  container: Container,
  { name, directory }: CheckpointPlace,
): string {
  const path = join(folderOf(deps, container, directory), name);
  const found = validName.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
  if (!found) throw notFound(`checkpoint ${name} does not exist for container ${container.name}`);
  if (!found.isDirectory()) throw internal(`${path} exists and is not a directory`);
  return path;
}

function folderOf(deps: ContainerDeps, { id }: Container, directory: string): string {
  if (directory === "") return containerPaths(deps.roots, id).checkpoints;
  if (!isAbsolute(directory))
    throw invalidArgument(`checkpoint directory ${directory} is not an absolute path`);
  return directory;
}

/** Why the host cannot make checkpoints; undefined when it can. */
async function whatCriuLacks(runtime: RuntimeBinary): Promise<string | undefined> {
  const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin`;
  const criu = Bun.which("criu", { PATH });
  if (!criu) return "criu is not installed";
  const { exitCode, stderr } = await run([criu, "check"], { stderr: "pipe", cwd: "/", env: { PATH } });
  if (exitCode !== 0) {
    const lines = stderr.trim().split("\n");
    const why = lines.find((line) => line.startsWith("Error")) || lines[0];
    return `criu does not work on this host: ${why || `"criu check" ends with code ${exitCode}`}`;
  }
  if (!runtime.isCrun) return undefined;
  const version = await run([runtime.path, "--version"], { stdout: "pipe", cwd: "/", env: { PATH } });
  if (version.stdout.includes("+CRIU")) return undefined;
  return `this ${runtime.name} was built without CRIU: run the container with another runtime (--runtime runc)`;
}
