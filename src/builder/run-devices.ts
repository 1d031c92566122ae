import type { HostConfig } from "../api/containers.ts";
import { parseCsvRecord } from "../base/csv.ts";
import { invalidArgument, notFound } from "../base/errors.ts";
import { readCdiDevices } from "../security/cdi-spec.ts";

export interface WantedDevice {
  /** `vendor.com/class=name`, `vendor.com/class=*`, or `vendor.com/class` for the first of them. */
  name: string;
  required: boolean;
}

/** `RUN --device=name[,required[=bool]]` (Dockerfile reference, "RUN --device"). Throws `invalidArgument`. */
export function parseDevice(text: string): WantedDevice {
  const device: WantedDevice = { name: "", required: true };
  for (const [at, field] of parseCsvRecord(text).entries()) {
    const [, key = "", value] = /^(name|required)(?:=(.*))?$/i.exec(field) ?? [];
    if (key.toLowerCase() === "required") device.required = !/^(0|f|false)$/i.test(value ?? "true");
    else if (key.toLowerCase() === "name") device.name = value ?? "";
    else if (at === 0) device.name = field;
    else throw invalidArgument(`unexpected key '${field.split("=", 1)[0]}' in '${field}'`);
  }
  if (device.name === "") throw invalidArgument("device name is required");
  return device;
}

/** The host's devices that a step gets. Throws `notFound` for one that it must have and the host has not. */
export function deviceRequests(
  wanted: readonly WantedDevice[],
  directories: readonly string[],
): Pick<HostConfig, "DeviceRequests"> {
  if (wanted.length === 0) return {};
  const known = readCdiDevices(directories);
  const names = wanted.flatMap(({ name, required }) => {
    if (known.has(name)) return [name];
    const kind = name.replace(/=\*$/, "");
    const all = [...known].filter(([, device]) => device.kind === kind).map(([full]) => full);
    if (all.length === 0 && required)
      throw notFound(`required device ${JSON.stringify(name)} is not registered`);
    return kind === name ? all.slice(0, 1) : all;
  });
  return names.length === 0 ? {} : { DeviceRequests: [{ Driver: "cdi", DeviceIDs: names }] };
}
