import { goDuration } from "../base/units.ts";
import { jsonList, plainWords } from "./arguments.ts";
import type { Flags } from "./flags.ts";
import type { Healthcheck } from "./instruction.ts";
import type { Parts } from "./parse-instruction.ts";

const leastInterval = 1_000_000;

/** `HEALTHCHECK NONE` and `HEALTHCHECK [flags] CMD …` (Dockerfile reference, "HEALTHCHECK"). */
export function parseHealthcheck({ flags, rest }: Parts): Healthcheck {
  const [type = ""] = plainWords(rest);
  if (type === "") throw new Error("HEALTHCHECK requires at least one argument");
  const command = rest.slice(type.length).trim();
  if (type.toUpperCase() === "NONE") {
    if (command !== "") throw new Error("HEALTHCHECK NONE takes no arguments");
    for (const flag of ["interval", "timeout", "start-period", "start-interval", "retries"])
      flags.string(flag);
    return { test: ["NONE"] };
  }
  if (type.toUpperCase() !== "CMD")
    throw new Error(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`);
  if (command === "") throw new Error("Missing command after HEALTHCHECK CMD");
  const words = jsonList(command);
  const test = words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words];
  const retries = flags.string("retries");
  return {
    test,
    ...duration(flags, "interval", "interval"),
    ...duration(flags, "timeout", "timeout"),
    ...duration(flags, "start-period", "startPeriod"),
    ...duration(flags, "start-interval", "startInterval"),
    ...(retries === undefined ? {} : { retries: toRetries(retries) }),
  };
}

function duration<K extends string>(flags: Flags, flag: string, key: K): Partial<Record<K, number>> {
  const text = flags.string(flag);
  if (text === undefined || text === "") return {};
  const nanos = goDuration(text);
  if (nanos !== 0 && nanos < leastInterval) {
    throw new Error(`Interval ${JSON.stringify(flag)} cannot be less than 1ms`);
  }
  return { [key]: nanos } as Partial<Record<K, number>>;
}

function toRetries(text: string): number {
  if (!/^-?\d+$/.test(text))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const retries = Number(text);
  if (retries < 0) throw new Error(`--retries cannot be negative (${text})`);
  return retries;
}
