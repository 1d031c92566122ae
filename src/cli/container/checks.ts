import { ipVersion } from "./ip-address.ts";

/** `-a`: one of the three streams, in any case. */
export function checkAttach(text: string): string {
  const stream = text.toLowerCase();
  if (stream !== "stdin" && stream !== "stdout" && stream !== "stderr") {
    throw new Error("valid streams are STDIN, STDOUT and STDERR");
  }
  return stream;
}

/** `-e`: `NAME=value`, or `NAME` for the value that this process has. */
export function checkEnv(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  if (text.includes("=")) return text;
  const value = process.env[text];
  return value === undefined ? text : `${text}=${value}`;
}

/** `--label`. */
export function checkLabel(text: string): string {
  if (text.split("=")[0] === "") throw new Error(`invalid label '${text}': empty name`);
  return text;
}

/** `--dns` and others: an address, in its shortest form. */
export function checkIp(text: string): string {
  const address = text.trim();
  if (ipVersion(address) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return address;
}

/** `--add-host`: `name:address` or `name=address`; `host-gateway` stands for the machine. */
export function checkExtraHost(text: string): string {
  const equals = text.indexOf("=");
  const at = equals >= 0 ? equals : text.indexOf(":");
  const name = text.slice(0, at);
  if (at <= 0 || name === "") throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  let address = text.slice(at + 1);
  if (address === "") throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  if (address.startsWith("[") && address.endsWith("]")) address = address.slice(1, -1);
  if (address !== "host-gateway" && ipVersion(address) === 0) {
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  return `${name}:${address}`;
}

const letter = /[a-zA-Z]/;
const domain =
  /^(:?(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))(:?\.(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])))*)\.?\s*$/;

/** `--dns-search`: a domain, or `.` for none. */
export function checkSearchDomain(text: string): string {
  const trimmed = text.trim();
  if (trimmed === ".") return trimmed;
  const match = letter.test(trimmed) ? domain.exec(trimmed) : null;
  if (!match || trimmed.length >= 255) throw new Error(`${text} is not a valid domain`);
  return match[1] ?? "";
}

/** `--link`: `name` or `name:alias`. */
export function checkLink(text: string): string {
  if (text === "") throw new Error("empty string specified for links");
  const parts = text.split(":");
  if (parts.length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}

const sysctls = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** `--sysctl`: parameters that a container's namespaces have of their own. */
export function checkSysctl(text: string): void {
  const [name = "", value] = text.split("=", 2);
  const known = sysctls.has(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
  if (value === undefined || !known) throw new Error(`sysctl '${text}' is not allowed`);
}

/** True for a MAC address in one of the forms that Go's net.ParseMAC takes (48 bits). */
export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$|^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/i.test(
    text.trim(),
  );
}
