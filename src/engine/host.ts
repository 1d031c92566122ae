import { existsSync, readFileSync } from "node:fs";
import { arch, release, totalmem } from "node:os";

/** Docker's word for the processor, as `uname -m` has it. */
export function machine(): string {
  return { x64: "x86_64", arm64: "aarch64", arm: "armv7l", ia32: "i686" }[arch() as string] ?? arch();
}

/** Go's word for the processor. */
export function goArch(): string {
  return { x64: "amd64", ia32: "386" }[arch() as string] ?? arch();
}

export const kernelVersion = release();
export const memoryTotal = totalmem();

/** `PRETTY_NAME` and `VERSION_ID` of os-release(5). */
export function operatingSystem(): { name: string; version: string } {
  const path = ["/etc/os-release", "/usr/lib/os-release"].find((candidate) => existsSync(candidate));
  const fields = path === undefined ? new Map<string, string>() : parseOsRelease(readFileSync(path, "utf8"));
  return { name: fields.get("PRETTY_NAME") ?? "Linux", version: fields.get("VERSION_ID") ?? "" };
}

function parseOsRelease(text: string): Map<string, string> {
  return new Map(
    text
      .split("\n")
      .map((line) => /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line))
      .filter((match) => match !== null)
      .map((match): [string, string] => [match[1] ?? "", match[2] ?? ""]),
  );
}

/** True when a sysctl of the host is 1. */
export function sysctlIsOn(path: string): boolean {
  const file = `/proc/sys/${path}`;
  return existsSync(file) && readFileSync(file, "utf8").trim() === "1";
}
