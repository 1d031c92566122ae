// Records which functions the usual commands of the client use. The build lays their bytecode together by that, so that
// the client's start touches half as much of the executable. What has changed since is only laid out less well.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildIfStale, clientOrder } from "./build.mjs";
import { endProcess, startDetached, untilListening } from "./lib/demo.mjs";
import { enginePackages } from "./lib/packages.mjs";
import { installNodeModules, installPackages, requireRoot, root, which } from "./lib/setup.mjs";

const none = ["--network", "none"];
const commands = [
  ["run", "--rm", ...none, "image", "true"],
  ["run", "-d", "--name", "first", ...none, "image", "sleep", "1000"],
  ["exec", "first", "true"],
  ["create", "--name", "second", ...none, "image", "true"],
  ["start", "second"],
  ["ps", "-a"],
  ["images"],
  ["inspect", "first"],
  ["logs", "first"],
  ["build", ...none, "-t", "built", "context"],
  ["stop", "-t", "0", "first"],
  ["rm", "second"],
];

/** An image of busybox alone, and a context that is built on it. */
function prepare(folder, docker) {
  mkdirSync(join(folder, "rootfs/bin"), { recursive: true });
  mkdirSync(join(folder, "context"));
  copyFileSync(which("busybox"), join(folder, "rootfs/bin/busybox"));
  for (const name of ["sleep", "true"]) symlinkSync("busybox", join(folder, "rootfs/bin", name));
  writeFileSync(join(folder, "context/Dockerfile"), 'FROM image\nCOPY Dockerfile /\nRUN ["true"]\n');
  spawnSync("tar", ["-C", "rootfs", "-cf", "image.tar", "."], { cwd: folder });
  docker(["import", "image.tar", "image"]);
}

/**
 * Modules and functions, each once, as they are first used. The other lines name what is in them, and change nothing:
 * they would be nine tenths of the file.
 */
function merged(texts) {
  const lines = texts.flatMap((text) => text.split("\n").filter((line) => /^[MFN] /.test(line)));
  return `v2\n${[...new Set(lines)].join("\n")}\n`;
}

requireRoot("npm run client-order");
installNodeModules();
installPackages(enginePackages);
buildIfStale();
const folder = mkdtempSync(join(tmpdir(), "longshore-order-"));
const host = `unix://${join(folder, "socket")}`;
const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder };
const docker = (args, more = {}) => {
  const result = spawnSync(join(root, "dist/docker"), args, {
    cwd: folder,
    env: { ...env, ...more },
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`docker ${args.join(" ")}: ${result.stderr}`);
};
const daemon = startDetached(
  "dockerd",
  [
    `--host=${host}`,
    `--data-root=${join(folder, "data")}`,
    `--exec-root=${join(folder, "exec")}`,
    `--pidfile=${join(folder, "pid")}`,
    "--bridge=none",
  ],
  join(folder, "log"),
);
try {
  await untilListening(join(folder, "socket"), daemon, join(folder, "log"));
  prepare(folder, docker);
  const texts = commands.map((args, at) => {
    const order = join(folder, `${at}.order`);
    docker(args, { BUN_BYTECODE_ORDER_OUT: order });
    return readFileSync(order, "utf8");
  });
  writeFileSync(clientOrder, merged(texts));
} finally {
  spawnSync(join(root, "dist/docker"), ["rm", "-f", "first", "second"], { env });
  await endProcess(daemon.pid);
  rmSync(folder, { recursive: true, force: true });
}
