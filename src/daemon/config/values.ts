import type { Ulimit } from "../../api/host-config.ts";
import { invalidArgument } from "../../base/errors.ts";
import { ulimitNames } from "../../base/ulimits.ts";

/** `nofile=1024:2048`, `nofile=1024`; -1 is unlimited. */
export function parseUlimit(text: string): Record<string, Ulimit> {
  const match = /^([^=]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match?.[1]) throw invalidArgument(`invalid ulimit argument: ${text}`);
  const [, name, first, second] = match;
  if (!ulimitNames.has(name)) throw invalidArgument(`invalid ulimit type: ${name}`);
  const Soft = Number(first);
  const Hard = second === undefined ? Soft : Number(second);
  if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
    throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  return { [name]: { Name: name, Hard, Soft } };
}

const stockRuntimes = ["runc", "crun", "io.containerd.runc.v2"];

/** Runtimes that need not be configured. */
export function isStockRuntime(name: string): boolean {
  return stockRuntimes.includes(name);
}

/** `name=path`. */
export function parseRuntime(text: string): Record<string, { path: string }> {
  const equals = text.indexOf("=");
  if (equals < 0) throw invalidArgument(`invalid runtime argument: ${text}`);
  const name = text.slice(0, equals).trim().toLowerCase();
  const path = text.slice(equals + 1).trim();
  if (name === "" || path === "") throw invalidArgument(`invalid runtime argument: ${text}`);
  if (name === "runc") throw invalidArgument("runtime name 'runc' is reserved");
  return { [name]: { path } };
}

/** `base=172.80.0.0/16,size=24`. */
export function parseAddressPool(text: string): { base: string; size: number } {
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    if (equals < 0) throw invalidArgument(`invalid field '${field}' must be a key=value pair`);
    fields.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim());
  }
  const base = fields.get("base") ?? "";
  const size = Number(fields.get("size") ?? Number.NaN);
  if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(base))
    throw invalidArgument(`invalid base pool ${JSON.stringify(base)}`);
  if (!Number.isInteger(size) || size < 1)
    throw invalidArgument(`invalid size value: ${fields.get("size") ?? ""}`);
  return { base, size };
}
