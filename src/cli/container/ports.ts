import type { PortMap } from "../../api/containers.ts";
import { invalidArgument } from "../../base/errors.ts";
import { parseInteger } from "../flags.ts";
import { ipVersion } from "./ip-address.ts";

/** The first and last port of `80` or `80-90`. Throws with strconv's text. */
export function parsePortRange(text: string): [number, number] {
  if (text === "") throw new Error("empty string specified for ports");
  const [first = "", last = first] = text.split("-", 2);
  const start = parseInteger(first, 16, true);
  const end = parseInteger(last, 16, true);
  if (end < start) throw new Error(`invalid range specified for port: ${text}`);
  return [start, end];
}

/** The two halves of `80/udp`; `tcp` where none is named. */
export function splitProtocol(text: string): [port: string, protocol: string] {
  const slash = text.indexOf("/");
  if (slash < 0) return [text, "tcp"];
  const port = text.slice(0, slash);
  if (port === "") return ["", ""];
  return [port, text.slice(slash + 1) || "tcp"];
}

function rangeOr(text: string, message: string): [number, number] {
  try {
    return parsePortRange(text);
  } catch {
    // The reason is left out of the message, as in the Go client.
    throw invalidArgument(message);
  }
}

/** `published=8080,target=80,protocol=tcp` as `8080:80/tcp`. */
function standardNotation(text: string): string {
  if (!text.includes("=")) return text;
  const params: Record<string, string> = { published: "", target: "", protocol: "tcp" };
  for (const param of text.split(",")) {
    const equals = param.indexOf("=");
    if (equals <= 0) {
      throw invalidArgument(`invalid publish opts format (should be name=value but got '${param}')`);
    }
    params[param.slice(0, equals)] = param.slice(equals + 1);
  }
  return `${params.published}:${params.target}/${params.protocol}`;
}

function address(text: string): string {
  const ip = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (ip !== "" && ipVersion(ip) === 0) throw invalidArgument(`invalid IP address: ${ip}`);
  return ip;
}

/** Adds one `-p` (`[[ip:]host:]container[/protocol]`, ports or ranges) to `bindings`. */
export function addPublished(bindings: PortMap, given: string): void {
  const text = standardNotation(given);
  const parts = text.split(":");
  const [containerPorts, protocol] = splitProtocol(parts.at(-1) ?? "");
  const hostPorts = parts.at(-2) ?? "";
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase())) {
    throw invalidArgument(
      containerPorts === "" ? `no port specified: ${text}<empty>` : `invalid proto: ${protocol}`,
    );
  }
  const HostIp = address(parts.slice(0, -2).join(":"));
  if (containerPorts === "") throw invalidArgument(`no port specified: ${text}<empty>`);
  const [start, end] = rangeOr(containerPorts, `invalid containerPort: ${containerPorts}`);
  const [hostStart, hostEnd] =
    hostPorts === "" ? [0, 0] : rangeOr(hostPorts, `invalid hostPort: ${hostPorts}`);
  if (hostPorts !== "" && end - start !== hostEnd - hostStart && end !== start) {
    throw invalidArgument(
      `invalid ranges specified for container and host Ports: ${containerPorts} and ${hostPorts}`,
    );
  }
  for (let port = start; port <= end; port++) {
    let HostPort = hostPorts === "" ? "" : String(hostStart + port - start);
    if (start === end && hostStart !== hostEnd) HostPort += `-${hostEnd}`;
    const key = `${port}/${protocol.toLowerCase()}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp, HostPort }];
  }
}

/** The ports of one `--expose`. */
export function exposedPorts(text: string): string[] {
  if (text.includes(":")) throw invalidArgument(`invalid port format for --expose: ${text}`);
  const [port, protocol] = splitProtocol(text);
  let range: [number, number];
  try {
    range = parsePortRange(port);
  } catch (error) {
    throw invalidArgument(
      `invalid range format for --expose: ${text}, error: ${error instanceof Error ? error.message : error}`,
    );
  }
  const [start, end] = range;
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${protocol}`);
}
