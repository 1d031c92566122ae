// Undoes the quick start: its containers, the daemon, the registry, and everything that they kept.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dockerHost, endProcess, paths, runDirectory, runningPid, stateDirectory } from "./lib/demo.mjs";
import { root } from "./lib/setup.mjs";

const docker = (...args) =>
  spawnSync(join(root, "dist/docker"), args, {
    encoding: "utf8",
    env: { ...process.env, DOCKER_HOST: dockerHost },
  });

function removeContainers() {
  const ids = docker("ps", "--all", "--quiet", "--no-trunc").stdout?.split("\n").filter(Boolean) ?? [];
  if (ids.length === 0) return;
  const removed = docker("rm", "--force", "--volumes", ...ids);
  if (removed.status !== 0) process.stderr.write(removed.stderr);
}

const daemon = runningPid(paths.dockerdPid, "dockerd");
const registry = runningPid(paths.registryPid, "docker-registry");
if (daemon) {
  removeContainers();
  await endProcess(daemon);
}
if (registry) await endProcess(registry);
for (const directory of [runDirectory, stateDirectory]) rmSync(directory, { recursive: true, force: true });
const left = [runDirectory, stateDirectory].filter((directory) => existsSync(directory));
if (left.length > 0) {
  process.stderr.write(`Could not remove: ${left.join(", ")}\n`);
  process.exit(1);
}
process.stdout.write("Everything that the quick start set up is gone.\n");
