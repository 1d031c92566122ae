import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { invalidArgument, messageOf, notFound } from "../../src/base/errors.ts";

/** A busybox that can stand alone in an image. */
export interface BusyboxExecutable {
  bytes: Uint8Array;
  /** Go's name of the architecture that it is made for. */
  architecture: "amd64" | "arm64";
  /** `1.35.0`, when it tells. */
  version: string | undefined;
  /** The paths that it wants to be called by, without a slash in front: `bin/ls`, `usr/bin/env`. */
  applets: readonly string[];
}

const machines: ReadonlyMap<number, BusyboxExecutable["architecture"]> = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);
const run = promisify(execFile);

/**
 * Reads the executable at `path`, and asks it for its applets. Throws `notFound` when there is none, `invalidArgument`
 * when it needs a dynamic linker or is made for another architecture than amd64 and arm64.
 */
export async function readBusybox(path: string): Promise<BusyboxExecutable> {
  const bytes = await readFile(path).catch((cause) => {
    throw notFound(`no busybox: ${messageOf(cause)} (Debian's package busybox-static has it)`, cause);
  });
  const architecture = staticArchitecture(bytes, path);
  const list = await run(path, ["--list-full"]);
  const applets = list.stdout.split("\n").filter((line) => /^[\w.[/-]+$/.test(line) && !line.includes(".."));
  const banner = await run(path, ["--help"]);
  return { bytes, architecture, applets, version: /^BusyBox v(\d+(?:\.\d+)+)/.exec(banner.stdout)?.[1] };
}

/** The architecture of a static ELF64 executable (elf(5)). */
export function staticArchitecture(bytes: Buffer, path: string): BusyboxExecutable["architecture"] {
  const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  if (bytes.length < 64 || !bytes.subarray(0, magic.length).equals(magic)) {
    throw invalidArgument(`${path} is not a 64-bit little-endian ELF executable`);
  }
  const machine = bytes.readUInt16LE(18);
  const architecture = machines.get(machine);
  if (!architecture) throw invalidArgument(`${path} is made for machine ${machine}, not for amd64 or arm64`);
  if (hasInterpreter(bytes)) {
    throw invalidArgument(`${path} is dynamically linked: install the package busybox-static`);
  }
  return architecture;
}

/** True when a program header is PT_INTERP: the path of a dynamic linker. */
function hasInterpreter(bytes: Buffer): boolean {
  const table = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    if (bytes.readUInt32LE(table + index * size) === 3) return true;
  }
  return false;
}
