import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { errnoOf, internal, messageOf } from "../base/errors.ts";
import { reasonOf } from "../linux/libc.ts";
import { mount, mountFlags, unmount } from "../linux/mount.ts";
import { run } from "../linux/spawn.ts";
import type { LocalOptions } from "./local-driver.ts";

const flagWords: Record<string, number> = {
  ro: mountFlags.readOnly,
  nosuid: mountFlags.noSuid,
  nodev: mountFlags.noDev,
  noexec: mountFlags.noExec,
  bind: mountFlags.bind,
  rbind: mountFlags.bind | mountFlags.recursive,
  remount: mountFlags.remount,
  sync: 0x10,
  dirsync: 0x80,
  noatime: 0x400,
  nodiratime: 0x800,
  relatime: 0x200000,
  strictatime: 0x1000000,
};
const noEffect = new Set(["rw", "defaults", "suid", "dev", "exec", "async", "atime", "diratime"]);

/** Flags and the file system's own options. */
function parseMountOptions(text: string): { flags: number; data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const word of text.split(",").filter((part) => part !== "" && !noEffect.has(part))) {
    const flag = flagWords[word];
    if (flag === undefined) data.push(word);
    else flags |= flag;
  }
  return { flags, data: data.join(",") };
}

/** File systems whose server may not answer: the daemon itself must not wait for it. */
const remote = new Set(["nfs", "nfs4", "cifs", "smb3", "ceph", "9p"]);

export function isRemoteType(type: string): boolean {
  return remote.has(type);
}

/** Mounts the volume's device at `target`. Throws `internal` with Docker's words. */
export async function mountLocal(options: LocalOptions, target: string): Promise<void> {
  const { type = "", device = "" } = options;
  const text = await withAddress(type, options.o ?? "", target);
  const { flags, data } = parseMountOptions(text);
  try {
    if (isRemoteType(type)) await mountRemote({ type, device, text, target });
    else mountHere({ type, device, flags, data, target });
  } catch (error) {
    const words = flags === 0 ? "" : `, flags: 0x${flags.toString(16)}`;
    const more = data === "" ? "" : `, data: ${data}`;
    throw internal(
      `error while mounting volume '${target}': failed to mount local volume: mount ${device}:${target}${words}${more}: ${reasonOf(error)}`,
      error,
    );
  }
}

interface LocalMount {
  type: string;
  device: string;
  flags: number;
  data: string;
  target: string;
}

function mountHere({ type, device, flags, data, target }: LocalMount): void {
  mount(device, target, type, flags, data);
  // A bind takes no other flags; they need a remount of its own.
  const more = flags & ~(mountFlags.bind | mountFlags.recursive | mountFlags.remount);
  if (!(flags & mountFlags.bind) || more === 0) return;
  try {
    mount("none", target, null, mountFlags.remount | mountFlags.bind | more);
  } catch (error) {
    unmount(target, { detach: true });
    throw error;
  }
}

/** By mount(8), which does nothing but the system call here (`-i`), as a process that may wait. */
async function mountRemote(request: { type: string; device: string; text: string; target: string }) {
  const { type, device, text, target } = request;
  const options = text === "" ? [] : ["-o", text];
  const command = ["/bin/mount", "-i", "-n", "-t", type, ...options, "--", device, target];
  const { exitCode, stderr } = await run(command, { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(errorOfMount(stderr) || `exit ${exitCode}`);
}

/** What mount(8) makes of some errors of the kernel, and how libc says them, as for every other file system. */
const wordsOfMount: readonly [RegExp, string][] = [
  [/^unknown filesystem type /, "no such device"],
  [/^(?:bad option|wrong fs type)/, "invalid argument"],
  [/ does not exist$/, "no such file or directory"],
];

function errorOfMount(stderr: string): string {
  const [first = ""] = stderr.trim().split("\n");
  const plain = first.replace(/^mount: [^:]*: /, "").replace(/^mount\(2\) system call failed: /, "");
  const text = plain.replace(/\.$/, "");
  return wordsOfMount.find(([pattern]) => pattern.test(text))?.[1] ?? text.toLowerCase();
}

/** The kernel takes addresses only: `addr=server.example` of NFS and CIFS is looked up. */
async function withAddress(type: string, text: string, target: string): Promise<string> {
  const host = /(?:^|,)addr=([^,]+)/.exec(text)?.[1];
  if (!host || !/^(?:nfs|nfs4|cifs)$/.test(type) || isIP(host)) return text;
  try {
    const { address } = await lookup(host);
    return text.replace(`addr=${host}`, `addr=${address}`);
  } catch (error) {
    const why = errnoOf(error) === "ENOTFOUND" ? "no such host" : messageOf(error);
    throw internal(
      `error while mounting volume '${target}': error resolving passed in network volume address: lookup ${host}: ${why}`,
      error,
    );
  }
}
