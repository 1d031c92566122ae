import { existsSync, readFileSync, writeFileSync } from "node:fs";

// Names have `/` between their parts, since interface names may hold dots: `net/ipv4/conf/eth0.5/forwarding`.
const pathOf = (name: string) => `/proc/sys/${name}`;

/**
 * The value, or undefined when this kernel has no such setting. Those of `net/` are of the thread's network namespace.
 */
export function readSysctl(name: string): string | undefined {
  return existsSync(pathOf(name)) ? readFileSync(pathOf(name), "utf8").trim() : undefined;
}

/** Sets the value where it is another. Returns true when it changed. Throws when it cannot be set or does not exist. */
export function writeSysctl(name: string, value: string): boolean {
  if (readSysctl(name) === value) return false;
  writeFileSync(pathOf(name), value);
  return true;
}
