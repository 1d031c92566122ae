import { parseCsvRecord } from "../../base/csv.ts";

/** One `--network`: the plain name, or `name=…,alias=…,ip=…`. */
export interface NetworkAttachment {
  readonly target: string;
  readonly aliases: string[];
  readonly driverOpts: Record<string, string>;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly linkLocal: string[];
  readonly mac: string;
  readonly priority: number;
}

const longSyntax = /\w+=\w+(,\w+=\w+)*/;

function plain(target: string): NetworkAttachment {
  return { target, aliases: [], driverOpts: {}, ipv4: "", ipv6: "", linkLocal: [], mac: "", priority: 0 };
}

/** Reads one more `--network`. */
export function parseNetworkFlag(
  text: string,
  before: readonly NetworkAttachment[],
): readonly NetworkAttachment[] {
  if (!longSyntax.test(text)) return [...before, plain(text)];
  const found = {
    ...plain(""),
    aliases: [] as string[],
    linkLocal: [] as string[],
    driverOpts: {} as Record<string, string>,
  };
  for (const field of parseCsvRecord(text)) {
    const equals = field.indexOf("=");
    if (equals <= 0) throw new Error(`invalid field ${field}`);
    const key = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (key === "name") found.target = value;
    else if (key === "alias") found.aliases.push(value);
    else if (key === "ip") found.ipv4 = value;
    else if (key === "ip6") found.ipv6 = value;
    else if (key === "mac-address") found.mac = value;
    else if (key === "link-local-ip") found.linkLocal.push(value);
    else if (key === "driver-opt") {
      const at = value.indexOf("=");
      if (at <= 0) throw new Error(`invalid key value pair format in driver options`);
      found.driverOpts[value.slice(0, at).trim().toLowerCase()] = value.slice(at + 1).trim();
    } else if (key === "gw-priority") {
      if (!/^-?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
      found.priority = Number(value);
    } else throw new Error(`invalid field key ${key}`);
  }
  if (found.target === "") throw new Error("network name/id is not specified");
  return [...before, found];
}
