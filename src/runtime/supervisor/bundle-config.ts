import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSpec } from "../../oci/encode-spec.ts";
import type { ConsoleSize } from "./protocol.ts";

interface Config {
  process?: object;
  linux?: { cgroupsPath?: string; namespaces?: { type?: string; path?: string }[] };
}

const configPath = (bundle: string) => join(bundle, "config.json");

function readConfig(bundle: string): Config {
  return JSON.parse(readFileSync(configPath(bundle), "utf8")) as Config;
}

/** Has the runtime set the size of the terminal: a program that asks for it at once would be faster than we are. */
export function setConsoleSize(bundle: string, size: ConsoleSize): void {
  const config = readConfig(bundle);
  const process = { ...config.process, consoleSize: size };
  writeFileSync(configPath(bundle), encodeSpec({ ...config, process }));
}

/** How a container is set apart, as far as it concerns its end. Throws when the file cannot be read. */
export function readIsolation(bundle: string): { cgroupsPath: string | undefined; ownPids: boolean } {
  const { linux } = readConfig(bundle);
  const pidNamespace = linux?.namespaces?.find(({ type }) => type === "pid");
  return {
    cgroupsPath: linux?.cgroupsPath,
    // A namespace with a path is another container's: it does not end with this one.
    ownPids: pidNamespace !== undefined && pidNamespace.path === undefined,
  };
}
