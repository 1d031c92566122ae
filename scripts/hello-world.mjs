// The quick start: sets up what is missing, starts the registry and the daemon, and runs the first container.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildIfStale } from "./build.mjs";
import {
  dockerHost,
  freePort,
  paths,
  runDirectory,
  runningPid,
  startDetached,
  untilListening,
  writePid,
} from "./lib/demo.mjs";
import { enginePackages } from "./lib/packages.mjs";
import { installNodeModules, installPackages, requireRoot, root, which } from "./lib/setup.mjs";

async function startRegistry() {
  if (runningPid(paths.registryPid, "docker-registry"))
    return readFileSync(paths.registryAddress, "utf8").trim();
  const port = await freePort(5000);
  const address = `127.0.0.1:${port}`;
  const seeded = spawnSync(
    join(root, "dist/docker-registry"),
    ["seed", "--root", paths.registryRoot, "--busybox", which("busybox")],
    { encoding: "utf8" },
  );
  if (seeded.status !== 0) throw new Error(`the registry could not be filled: ${seeded.stderr}`);
  const child = startDetached(
    "docker-registry",
    ["serve", "--addr", address, "--root", paths.registryRoot],
    paths.registryLog,
  );
  writePid(paths.registryPid, child.pid);
  writeFileSync(paths.registryAddress, `${address}\n`);
  await untilListening({ host: "127.0.0.1", port }, child, paths.registryLog);
  return address;
}

async function startDaemon(registry) {
  if (runningPid(paths.dockerdPid, "dockerd")) return;
  const child = startDetached(
    "dockerd",
    [
      `--host=${dockerHost}`,
      `--data-root=${paths.dataRoot}`,
      `--exec-root=${paths.execRoot}`,
      `--pidfile=${paths.dockerdPid}`,
      `--registry-mirror=http://${registry}`,
    ],
    paths.dockerdLog,
  );
  await untilListening(paths.socket, child, paths.dockerdLog);
}

requireRoot("npm run hello-world");
installNodeModules();
installPackages(enginePackages);
buildIfStale();
mkdirSync(runDirectory, { recursive: true, mode: 0o755 });
try {
  await startDaemon(await startRegistry());
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const docker = join(root, "dist/docker");
const { status } = spawnSync(docker, ["run", "hello-world"], {
  stdio: "inherit",
  env: { ...process.env, DOCKER_HOST: dockerHost },
});
if (status !== 0) process.exit(status ?? 1);
process.stdout.write(`How to go on:
  export PATH=${join(root, "dist")}:$PATH DOCKER_HOST=${dockerHost}
  docker run -it busybox sh
  npm run down        stops and removes all that was set up here
`);
