import type { ThrottleDevice, Ulimit, WeightDevice } from "../../api/containers.ts";
import { ulimitNames } from "../../base/ulimits.ts";
import { parseSize } from "./flag-types.ts";

function devicePath(text: string): [string, string] {
  const colon = text.indexOf(":");
  const path = text.slice(0, colon);
  if (colon < 0) throw new Error(`bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, text.slice(colon + 1)];
}

/** `--blkio-weight-device /dev/sda:500`. */
export function parseWeightDevice(text: string): WeightDevice {
  const [Path, rest] = devicePath(text);
  const Weight = Number(rest);
  if (!/^\d+$/.test(rest) || (Weight > 0 && (Weight < 10 || Weight > 1000))) {
    throw new Error(`invalid weight for device: ${text}`);
  }
  return { Path, Weight };
}

/** `--device-read-bps /dev/sda:1mb` (`inBytes`), `--device-read-iops /dev/sda:1000`. */
export function parseThrottle(text: string, inBytes: boolean): ThrottleDevice {
  const [Path, rest] = devicePath(text);
  const fail = () => {
    const form = inBytes ? "<device-path>:<number>[<unit>]" : "<device-path>:<number>";
    const unit = inBytes ? ". Unit is optional and can be kb, mb, or gb" : "";
    const rule = `The correct format is ${form}. Number must be a positive integer${unit}`;
    return new Error(`invalid rate for device: ${text}. ${rule}`);
  };
  if (!inBytes) {
    if (!/^\d+$/.test(rest)) throw fail();
    return { Path, Rate: Number(rest) };
  }
  try {
    return { Path, Rate: parseSize(rest) };
  } catch {
    throw fail();
  }
}

/** `--ulimit nofile=1024:2048`; -1 is no limit. A later one of the same name wins. */
export function parseUlimit(text: string, before: ReadonlyMap<string, Ulimit>): ReadonlyMap<string, Ulimit> {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  const [soft = "", hard, ...more] = text.slice(equals + 1).split(":");
  if (soft === "") throw new Error(`invalid ulimit argument: ${text}`);
  if (!ulimitNames.has(name)) throw new Error(`invalid ulimit type: ${name}`);
  if (more.length > 0) {
    throw new Error(
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    );
  }
  const number = (part: string) => {
    if (!/^[+-]?\d+$/.test(part))
      throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`);
    return Number(part);
  };
  const Soft = number(soft);
  const Hard = hard === undefined ? Soft : number(hard);
  if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
    const said = Soft === -1 ? `soft: -1 (unlimited), hard: ${Hard}` : `${Soft} > ${Hard}`;
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${said}`);
  }
  return new Map([...before, [name, { Name: name, Soft, Hard }]]);
}
