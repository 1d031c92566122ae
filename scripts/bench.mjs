// The benchmark's outside: sets up what is missing, runs a program of bench/ where it can leave nothing behind, and
// removes its files. `node scripts/bench.mjs bench/main.ts [ARG...]`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buildIfStale } from "./build.mjs";
import { parseOptions, usage } from "./lib/bench-options.mjs";
import { benchPackages, enginePackages, peerPackages } from "./lib/packages.mjs";
import { installNodeModules, installPackages, installServers, requireRoot, root } from "./lib/setup.mjs";

const [program, ...args] = process.argv.slice(2);
const name = program === "bench/main.ts" ? "bench" : "bench:profile";
let options;
try {
  options = parseOptions(args);
} catch (error) {
  process.stderr.write(`${error.message}\n${usage(name)}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(usage(name));
  process.exit(0);
}
installNodeModules();
const bun = join(root, "node_modules/.bin/bun");
const inner = (settings) => [join(root, program), JSON.stringify(settings)];
if (options.list) process.exit(spawnSync(bun, inner(options), { stdio: "inherit" }).status ?? 1);
requireRoot(`npm run ${name}`);
installPackages({ ...enginePackages, ...benchPackages });
if (name === "bench") for (const peer of options.peers) installServers(peerPackages[peer]);
if (!process.env.LONGSHORE_DIST) buildIfStale();

const folder = mkdtempSync(join(tmpdir(), "longshore-bench-"));

const hierarchies = () =>
  readdirSync("/sys/fs/cgroup", { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.isSymbolicLink())
    .map((entry) => join("/sys/fs/cgroup", entry.name));
/** Podman's parent of all cgroups cannot be given a name. */
const cgroupNames = [basename(folder), "libpod_parent"];
const cgroups = () =>
  ["/sys/fs/cgroup", ...hierarchies()].flatMap((parent) => cgroupNames.map((name) => join(parent, name)));
const ownCgroups = cgroups().filter((path) => !existsSync(path));

/** The engines' cgroups outlive the processes in them. Innermost first. */
function removeCgroup(path) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}

/** A cgroup is busy until the kernel has buried the last process of it. */
async function cleanUp() {
  for (let attempt = 0; ; attempt++) {
    try {
      for (const path of ownCgroups) if (existsSync(path)) removeCgroup(path);
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const child = spawn(
  "unshare",
  [
    ...["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
    ...["sh", join(root, "scripts/lib/bench-sandbox.sh"), folder],
    bun,
    ...inner({ ...options, folder }),
  ],
  { stdio: "inherit", env: { ...process.env, TMPDIR: folder } },
);
// With the first process of the PID namespace all others end, and with them the other namespaces.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGKILL"));
const code = await new Promise((resolve) => child.on("close", (status) => resolve(status ?? 130)));
await cleanUp();
process.exitCode = code;
