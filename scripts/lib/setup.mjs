// What the scripts share: running tools, and installing what is missing. Node's own modules only, since nothing
// is installed yet when this runs.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

export const root = dirname(dirname(import.meta.dirname));

/** Ends the script when it is not run by root. `command` is what the user typed. */
export function requireRoot(command) {
  if (process.getuid() === 0) return;
  process.stderr.write(`The engine needs root: run \`sudo ${command}\`.\n`);
  process.exit(1);
}

/** Runs a tool in the repository; ends the script with its words when it fails, unless `optional`. */
export function run(command, args, { quiet = false, optional = false, env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    maxBuffer: 64 << 20,
  });
  if (result.status === 0) return result.stdout ?? "";
  if (optional) return undefined;
  const why = result.error?.message ?? result.stderr ?? "";
  process.stderr.write(`${command} ${args.join(" ")} failed (${result.status ?? result.signal})\n${why}`);
  process.exit(1);
}

/** The path of an executable on PATH or in the places that root's PATH may lack, or undefined. */
export function which(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** npm's packages of `folder` at the versions of its lock file; nothing to do when they are there. */
export function installNodeModules(folder = root, { optional = false } = {}) {
  const stamp = join(folder, "node_modules/.package-lock.json");
  if (existsSync(stamp) && sameVersions(folder, stamp)) return;
  process.stderr.write("Installing the npm packages …\n");
  // Not `npm ci`: it refuses when a registry lacks optional packages that are for other platforms.
  const args = ["install", "--prefix", folder, "--no-save", "--no-fund", "--no-audit", "--loglevel=error"];
  run("npm", args, { optional });
}

function sameVersions(folder, stamp) {
  const wanted = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")).packages;
  const have = JSON.parse(readFileSync(stamp, "utf8")).packages;
  const needed = Object.entries(wanted).filter(([path, { optional }]) => path !== "" && !optional);
  return needed.every(([path, { version }]) => have[path]?.version === version);
}

/**
 * Installs the distribution's packages that are missing, and an OCI runtime (crun where the distribution has it, else
 * runc). `needs` maps a package to the file or executable by which it is known to be there.
 */
export function installPackages(needs) {
  const missing = Object.entries(needs)
    .filter(([, probe]) => !isThere(probe))
    .map(([name]) => name);
  const runtime = which("crun") ?? which("runc");
  if (missing.length === 0 && runtime) return;
  if (!which("apt-get")) {
    process.stderr.write(`Please install: ${[...missing, ...(runtime ? [] : ["crun"])].join(", ")}\n`);
    process.exit(1);
  }
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { quiet: true, env });
  if (!runtime) missing.push(hasCandidate("crun") ? "crun" : "runc");
  process.stderr.write(`Installing from the distribution: ${missing.join(", ")} …\n`);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], { quiet: true, env });
}

/**
 * As `installPackages`, for servers that we start ourselves: what the distribution does not have is left out, and no
 * service of theirs is started (a Docker of the host would change its firewall).
 */
export function installServers(needs) {
  const policy = "/usr/sbin/policy-rc.d";
  const hold = existsSync("/usr/sbin") && !existsSync(policy);
  const isMissing = Object.values(needs).some((probe) => !isThere(probe));
  // Without lists nothing has a candidate.
  if (isMissing && which("apt-get")) run("apt-get", ["update", "-qq"], { quiet: true, optional: true });
  const there = Object.entries(needs).filter(([name, probe]) => isThere(probe) || hasCandidate(name));
  if (hold) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  process.once("exit", () => hold && rmSync(policy, { force: true }));
  installPackages(Object.fromEntries(there));
  if (hold) rmSync(policy, { force: true });
}

const isThere = (probe) => (probe.startsWith("/") ? existsSync(probe) : which(probe) !== undefined);

function hasCandidate(name) {
  const found = run("apt-cache", ["policy", name], { quiet: true, optional: true }) ?? "";
  return /Candidate: (?!\(none\))/.test(found);
}
