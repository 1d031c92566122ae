import { closeSync, existsSync, fstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { internal } from "../../base/errors.ts";
import { openFifoReader } from "../../linux/fifo.ts";
import type { ProcessFiles, ProcessState } from "./process-files.ts";
import type { StdioNames } from "./protocol.ts";

/**
 * What CRIU calls a container's FIFOs, which are files of the host: `file[<mount>:<inode>]`, in hexadecimal digits.
 * (https://criu.org/External_files)
 */
export function stdioNames(files: ProcessFiles, { openStdin }: ProcessState): StdioNames {
  const { stdin, stdout, stderr } = files;
  return { ...(openStdin && { stdin: nameOf(stdin) }), stdout: nameOf(stdout), stderr: nameOf(stderr) };
}

function nameOf(path: string): string {
  const fd = openFifoReader(path);
  try {
    const mount = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    if (mount === undefined) throw internal(`the kernel does not tell the mount of ${path}`);
    return `file[${Number(mount).toString(16)}:${fstatSync(fd).ino.toString(16)}]`;
  } finally {
    closeSync(fd);
  }
}

/** The file that the annotation `org.criu.config` of each config.json names; runc and crun hand it to CRIU. */
const configFile = "criu.conf";
export const criuConfigAnnotation = "org.criu.config";
export const criuConfigPath = (bundle: string) => join(bundle, configFile);

/** Has CRIU leave the FIFOs to us at a checkpoint. */
export function writeDumpConfig(bundle: string, names: StdioNames): void {
  writeConfig(bundle, externals(names));
}

/**
 * At a restore, those that the runtime has as its own streams are taken for the FIFOs, and `mounts` are host paths by what
 * the checkpoint calls them.
 */
export function writeRestoreConfig(
  bundle: string,
  names: StdioNames,
  mounts: ReadonlyMap<string, string>,
): void {
  const inherited = streamsOf(names).map(([fd, name]) => `inherit-fd fd[${fd}]:${name}`);
  const mapped = [...mounts].map(([key, path]) => `external mnt[${key}]:${path}`);
  writeConfig(bundle, [...externals(names), ...inherited, ...mapped]);
}

const streamsOf = ({ stdin, stdout, stderr }: StdioNames) =>
  [...[stdin, stdout, stderr].entries()].filter(([, name]) => name !== undefined);
const externals = (names: StdioNames) => streamsOf(names).map(([, name]) => `external ${name}`);

function writeConfig(bundle: string, lines: readonly string[]): void {
  writeFileSync(criuConfigPath(bundle), `${lines.join("\n")}\n`, { mode: 0o600 });
}

/** What CRIU gives as its reason in its log; undefined when it says nothing. */
export function criuError(log: string): string | undefined {
  if (!existsSync(log)) return undefined;
  const errors = readFileSync(log, "utf8").matchAll(/Error \([^)]*\): (.+)$/gm);
  // That it cannot raise a limit is no reason, although it says so as if it were.
  return [...errors].map(([, text = ""]) => text.trim()).find((text) => !text.startsWith("rlimit:"));
}
