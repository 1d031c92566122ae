import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { mustRun, run } from "../harness/process.ts";

/** What only sets a system up, or starts it: a server in a container runs without. */
const setUp =
  /^(adduser|.*debconf.*|dpkg|gcc-.*|init-system-helpers|install-info|lib.*perl.*|libllvm.*|locales.*|libc-l10n|lsb-base|mailcap|media-types|mime-support|openssl|passwd|perl.*|postgresql.*-common|ssl-cert|systemd.*|sysvinit-utils|tar|ucf|usr.*merge.*|sensible-utils)$/;

/** The packages that `wanted` need to run, themselves among them; of alternatives the first. */
async function withNeeded(wanted: readonly string[]): Promise<string[]> {
  const weak = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
  const flags = weak.map((kind) => `--no-${kind}`);
  const needs = new Map<string, string[]>();
  let current: string[] = [];
  let isAlternative = false;
  for (const line of (await mustRun(["apt-cache", "depends", "--recurse", ...flags, ...wanted])).split(
    "\n",
  )) {
    // A bar stands before each alternative but the last.
    const [, bar, name = ""] = /^ ([ |])(?:Pre)?Depends: ([a-z]\S*)/.exec(line) ?? [];
    if (/^\w/.test(line)) {
      current = [];
      needs.set(line.trim(), current);
    } else if (bar !== undefined) {
      if (!isAlternative) current.push(name);
      isAlternative = bar === "|";
    }
  }
  const found = new Set(wanted);
  for (const name of found) {
    // A set grows while it is walked through.
    for (const other of needs.get(name) ?? []) if (!setUp.test(other)) found.add(other);
  }
  return [...found];
}

const applets = ["cat", "chmod", "chown", "hostname", "ln", "mkdir", "sh"];
const needless = ["doc", "man", "locale", "lintian", "zoneinfo"].map(
  (name) => `--exclude=./usr/share/${name}`,
);

/** Fetches packages into a folder; lists that are too old name packages that are gone. What apt says when it cannot. */
async function download(names: readonly string[], folder: string): Promise<string | undefined> {
  const fetch = () => run(["apt-get", "-qq", "download", ...names], { cwd: folder });
  if ((await fetch()).code === 0) return undefined;
  await run(["apt-get", "-qq", "update"]);
  const { code, stderr } = await fetch();
  return code === 0 ? undefined : stderr;
}

/**
 * Makes `file`, a tar of Debian's packages and of what they need, with BusyBox as the shell. Returns why it could not be
 * made, where the distribution's packages are out of reach.
 */
export async function debianRoot(file: string, packages: readonly string[]): Promise<string | undefined> {
  const work = `${file}.d`;
  const [debs, root] = [join(work, "debs"), join(work, "root")];
  mkdirSync(debs, { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    mkdirSync(join(root, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  const failure = await download(await withNeeded(["busybox-static", ...packages]), debs);
  if (failure !== undefined) return failure;
  const unpack = `for deb in *; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink ${needless.join(" ")} -C ../root; done`;
  await mustRun(["sh", "-ec", unpack], { cwd: debs });
  for (const applet of applets) symlinkSync("busybox", join(root, "usr/bin", applet));
  await mustRun(["tar", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "-cf", file, "."]);
  rmSync(work, { recursive: true });
  return undefined;
}
