import { errnoOf, invalidArgument } from "../../base/errors.ts";
import { keyValue } from "../../base/key-value.ts";
import type { ConfigFile, ProxyConfig } from "../config-file.ts";
import { readText } from "../node-fs.ts";

/** Reads a file that a flag names. Throws with Go's text where it cannot. */
export function readNamedFile(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: "no such file or directory",
      EACCES: "permission denied",
    };
    if (errnoOf(error) === "EISDIR") throw invalidArgument(`read ${path}: is a directory`);
    const reason = reasons[errnoOf(error) ?? ""];
    if (reason === undefined) throw error;
    throw invalidArgument(`open ${path}: ${reason}`);
  }
}

function lines(path: string, fallback: (name: string) => string | undefined): string[] {
  const out: string[] = [];
  for (const raw of readNamedFile(path)
    .replace(/^\uFEFF/, "")
    .split("\n")) {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (/\s/.test(name))
      throw invalidArgument(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    if (name === "") throw invalidArgument(`invalid env file (${path}): no variable name on line '${line}'`);
    const value = equals < 0 ? fallback(name) : line.slice(equals + 1);
    if (value !== undefined) out.push(`${name}=${value}`);
  }
  return out;
}

/** Environment of a container: the files first, then the flags, which win. */
export function readEnvironment(files: readonly string[], given: readonly string[]): string[] {
  return [...files.flatMap((file) => lines(file, (name) => process.env[name])), ...given];
}

/** Labels of a container, from files and flags. */
export function readLabels(files: readonly string[], given: readonly string[]): Record<string, string> {
  return pairs([...files.flatMap((file) => lines(file, () => undefined)), ...given]);
}

/** `key=value` strings as an object; a key alone has an empty value. */
export function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map(keyValue));
}

const proxyVariables: [keyof ProxyConfig, string][] = [
  ["httpProxy", "HTTP_PROXY"],
  ["httpsProxy", "HTTPS_PROXY"],
  ["noProxy", "NO_PROXY"],
  ["ftpProxy", "FTP_PROXY"],
  ["allProxy", "ALL_PROXY"],
];

/** `given` and the proxies that config.json has for this daemon; a variable that was given stays as it is. */
export function withProxies(given: readonly string[], config: ConfigFile, host: string): string[] {
  const byName = new Map(given.map((text) => [text.split("=", 1)[0] ?? "", text]));
  const proxies = config.proxies?.[host] ?? config.proxies?.default ?? {};
  for (const [key, name] of proxyVariables) {
    const value = proxies[key];
    if (!value) continue;
    for (const variable of [name, name.toLowerCase()]) {
      if (!byName.has(variable)) byName.set(variable, `${variable}=${value}`);
    }
  }
  return [...byName.values()];
}
