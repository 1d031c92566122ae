import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { internal, invalidArgument, messageOf } from "../base/errors.ts";
import { mount, mountFlags } from "../linux/mount.ts";

/** The options of the driver `local` (`docker volume create -o …`), as mount(8) takes them. */
export type LocalOptions = Readonly<Record<string, string>>;

const known = ["type", "o", "device", "size"];
/** An option, and those without which it makes no sense. */
const needs: Record<string, readonly string[]> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
};

/** Throws `invalidArgument` with Docker's words, which begin with `create <name>: `. */
export function checkLocalOptions(name: string, options: LocalOptions): void {
  const fail = (why: string) => invalidArgument(`create ${name}: ${why}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw fail(`invalid option: ${JSON.stringify(key)}`);
    for (const other of needs[key] ?? []) {
      if (!(other in options)) throw fail(`missing required option: ${JSON.stringify(other)}`);
    }
  }
  if ("size" in options) throw fail("quota size requested but no quota support");
}

/** A volume with a device is mounted while a container uses it; one without is a plain directory. */
export function needsMount(options: LocalOptions): boolean {
  return "device" in options;
}

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
export function parseMountOptions(text: string): { flags: number; data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const word of text.split(",").filter((part) => part !== "" && !noEffect.has(part))) {
    const flag = flagWords[word];
    if (flag === undefined) data.push(word);
    else flags |= flag;
  }
  return { flags, data: data.join(",") };
}

/** Mounts the volume's device at `target`. Throws `internal` with Docker's words. */
export async function mountLocal(options: LocalOptions, target: string): Promise<void> {
  const { type = "", device = "" } = options;
  const { flags, data } = parseMountOptions(await withAddress(type, options.o ?? ""));
  try {
    mount(device, target, type, flags, data);
  } catch (error) {
    throw internal(
      `error while mounting volume '${target}': failed to mount local volume: ${messageOf(error)}`,
      error,
    );
  }
}

/** The kernel takes addresses only: `addr=server.example` of NFS and CIFS is looked up. */
async function withAddress(type: string, text: string): Promise<string> {
  const host = /(?:^|,)addr=([^,]+)/.exec(text)?.[1];
  if (!host || !/^(?:nfs|nfs4|cifs)$/.test(type) || isIP(host)) return text;
  try {
    const { address } = await lookup(host);
    return text.replace(`addr=${host}`, `addr=${address}`);
  } catch (error) {
    throw internal(`error resolving passed in network volume address: ${messageOf(error)}`, error);
  }
}
