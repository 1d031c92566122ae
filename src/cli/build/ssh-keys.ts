import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Cleanups } from "../../base/disposables.ts";
import { errnoOf, invalidArgument, unavailable } from "../../base/errors.ts";

/** How long an agent may take to be there, in steps of the pause. */
const attempts = 500;
const pauseMs = 10;

/**
 * An agent of OpenSSH (ssh-agent(1)) that has just the keys of `files`, for as long as `owned`; returns its socket.
 * Throws `invalidArgument` for a file that is no key, or one with a passphrase; `unavailable` without OpenSSH.
 */
export async function agentWithKeys(files: readonly string[], owned: Cleanups): Promise<string> {
  const { tmpdir } = await import("node:os");
  const folder = mkdtempSync(join(tmpdir(), "docker-build-"));
  owned.add(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "agent");
  const agent = started(["ssh-agent", "-D", "-a", socket]);
  owned.add(async () => {
    agent.kill();
    await agent.exited;
  });
  for (let attempt = 0; !isSocket(socket); attempt++) {
    if (agent.exitCode !== null || attempt === attempts) throw unavailable("cannot start ssh-agent");
    await Bun.sleep(pauseMs);
  }
  for (const file of files) await addKey(file, socket);
  return socket;
}

async function addKey(file: string, socket: string): Promise<void> {
  // Nobody is asked for a passphrase: as with Docker, keys that have one belong into an agent.
  const env = { SSH_AUTH_SOCK: socket, SSH_ASKPASS: "/bin/false", SSH_ASKPASS_REQUIRE: "force" };
  const adding = started(["ssh-add", "-q", file], env);
  const said = await new Response(adding.stderr).text();
  if ((await adding.exited) === 0) return;
  throw invalidArgument(`failed to parse ${file}: ${said.trim() || "the key has a passphrase"}`);
}

function started(command: string[], env: Record<string, string> = {}) {
  try {
    const stdio: ["ignore", "ignore", "pipe"] = ["ignore", "ignore", "pipe"];
    return Bun.spawn(command, { stdio, env: { ...process.env, ...env } });
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw unavailable(
      `cannot use a key by its file: ${command[0]} is not installed (add the key to an agent)`,
    );
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
