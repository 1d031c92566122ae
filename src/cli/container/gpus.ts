import type { DeviceRequest } from "../../api/containers.ts";
import { parseCsvRecord } from "../../base/csv.ts";
import { keyValue } from "../../base/key-value.ts";
import { goNil } from "./go-nil.ts";

function parseCount(text: string): number {
  if (text === "all") return -1;
  if (!/^-?\d+$/.test(text))
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  return Number(text);
}

/** `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",driver=nvidia,capabilities=compute'`. */
export function parseGpus(text: string, before: readonly DeviceRequest[]): readonly DeviceRequest[] {
  const request = {
    Driver: "",
    Count: 0,
    DeviceIDs: goNil<string[]>(),
    Capabilities: [] as string[][],
    Options: {},
  };
  const seen = new Set<string>();
  let counted = false;
  for (const field of parseCsvRecord(text)) {
    const [key, value] = keyValue(field);
    if (seen.has(key)) throw new Error(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (!field.includes("=")) {
      seen.add("count");
      request.Count = parseCount(key);
      counted = true;
      continue;
    }
    if (key === "driver") request.Driver = value;
    else if (key === "count") {
      request.Count = parseCount(value);
      counted = true;
    } else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") request.Options = Object.fromEntries(parseCsvRecord(value).map(keyValue));
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (!counted && request.DeviceIDs === null) request.Count = 1;
  if (request.Capabilities.length === 0) request.Capabilities = [["gpu"]];
  return [...before, request];
}
