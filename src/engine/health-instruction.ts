import { invalidArgument } from "../base/errors.ts";
import { parseGoDuration } from "../base/units.ts";
import type { ImageRunConfig } from "../oci/image-config.ts";

type HealthConfig = NonNullable<ImageRunConfig["Healthcheck"]>;

const durations: Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval"> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

/** What stands after `HEALTHCHECK` in a Dockerfile. Throws `invalidArgument` with Docker's words. */
export function parseHealthcheck(
  rest: string,
  command: (text: string) => string[] | undefined,
): HealthConfig {
  const config: HealthConfig = {};
  let left = rest.trim();
  for (let flag = nextFlag(left); flag; flag = nextFlag(left)) {
    setFlag(config, flag.name, flag.value);
    left = flag.left;
  }
  const [, type = "", what = ""] = /^(\S+)\s*([\s\S]*)$/.exec(left) ?? [];
  switch (type.toUpperCase()) {
    case "NONE":
      if (what !== "") throw invalidArgument("HEALTHCHECK NONE takes no arguments");
      return { Test: ["NONE"] };
    case "CMD": {
      if (what === "") throw invalidArgument("missing command after HEALTHCHECK CMD");
      const words = command(what);
      return { Test: words ? ["CMD", ...words] : ["CMD-SHELL", what], ...config };
    }
    default:
      throw invalidArgument(`unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  }
}

function nextFlag(text: string): { name: string; value: string; left: string } | undefined {
  const [whole, name = "", value = ""] = /^--([^\s=]+)(?:=(\S*))?\s*/.exec(text) ?? [];
  return whole === undefined ? undefined : { name, value, left: text.slice(whole.length) };
}

function setFlag(config: HealthConfig, name: string, value: string): void {
  if (name === "retries") {
    const retries = /^[+-]?\d+$/.test(value) ? Number(value) : undefined;
    if (retries === undefined)
      throw invalidArgument(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (retries < 0) throw invalidArgument(`--retries cannot be negative (${retries})`);
    config.Retries = retries;
    return;
  }
  const field = durations[name];
  if (!field) throw invalidArgument(`unknown flag: ${name}`);
  const nanos = parseGoDuration(value);
  if (nanos === undefined) throw invalidArgument(`time: invalid duration ${JSON.stringify(value)}`);
  if (nanos < 0) throw invalidArgument(`interval ${JSON.stringify(name)} cannot be negative`);
  if (nanos > 0 && nanos < 1e6)
    throw invalidArgument(`interval ${JSON.stringify(name)} cannot be less than 1ms`);
  config[field] = nanos;
}
