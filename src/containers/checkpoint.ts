import {
  conflict,
  internal,
  invalidArgument,
  notFound,
  notImplemented,
  unavailable,
} from "../base/errors.ts";
import { run } from "../linux/spawn.ts";
import type { Container } from "./container.ts";
import { isRunning } from "./container.ts";

const allowed = "[a-zA-Z0-9][a-zA-Z0-9_.-]";
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * `docker checkpoint create`: containers cannot be frozen to the disk yet. Refuses with Docker's words what could not be
 * anywhere, and says what the host lacks.
 */
export async function createCheckpoint(container: Container, name: string): Promise<never> {
  if (!isRunning(container)) throw conflict(`Container ${container.name} not running`);
  if (container.spec.config.Tty) throw internal("checkpoint not support on containers with tty");
  if (!validName.test(name)) {
    throw invalidArgument(`Invalid checkpoint ID (${name}), only ${allowed} are allowed`);
  }
  const refused = `Cannot checkpoint container ${container.name}`;
  const lack = await whatCriuLacks();
  if (lack !== undefined) throw unavailable(`${refused}: ${lack}`);
  throw notImplemented(`${refused}: checkpoints are not supported yet`);
}

/** No container has one. */
export function noCheckpoint(container: Container, name: string): never {
  throw notFound(`checkpoint ${name} does not exist for container ${container.name}`);
}

/** Why the host cannot make checkpoints; undefined when it can. */
async function whatCriuLacks(): Promise<string | undefined> {
  const criu = Bun.which("criu", { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin` });
  if (!criu) return "criu is not installed";
  const { exitCode, stderr } = await run([criu, "check"], { stderr: "pipe", cwd: "/" });
  if (exitCode === 0) return undefined;
  const why = stderr.trim().split("\n")[0] ?? "";
  return `criu does not work on this host: ${why || `"criu check" ends with code ${exitCode}`}`;
}
