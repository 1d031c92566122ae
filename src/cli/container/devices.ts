import type { DeviceMapping, DeviceRequest } from "../../api/containers.ts";
import { invalidArgument } from "../../base/errors.ts";
import { goNil } from "./go-nil.ts";

const isMode = (text: string) => /^[rwm]+$/.test(text) && new Set(text).size === text.length;
/** `vendor.com/class=name`: a device by its CDI name. */
const cdiName = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9][A-Za-z0-9_.:-]*$/;

function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  if (parts.length > 3) throw invalidArgument(`bad format for path: ${text}`);
  const [source = "", second, mode] = parts;
  let target = second ?? source;
  let permissions = mode ?? "rwm";
  if (second !== undefined && mode === undefined && isMode(second)) {
    target = source;
    permissions = second;
  } else if (mode !== undefined && !isMode(mode)) {
    throw invalidArgument(`bad mode specified: ${mode}`);
  }
  if (!target.startsWith("/")) throw invalidArgument(`${target} is not an absolute path`);
  return { PathOnHost: source, PathInContainer: target, CgroupPermissions: permissions };
}

/** `--device`: paths (`/dev/a[:/dev/b][:rwm]`), and names of the Container Device Interface. */
export function readDevices(given: readonly string[]): {
  mappings: DeviceMapping[];
  requests: DeviceRequest[];
} {
  const names = given.filter((text) => cdiName.test(text));
  const requests: DeviceRequest[] =
    names.length === 0
      ? []
      : [
          {
            Driver: "cdi",
            Count: 0,
            DeviceIDs: names,
            Capabilities: goNil(),
            Options: goNil(),
          },
        ];
  return { mappings: given.filter((text) => !cdiName.test(text)).map(parseDevice), requests };
}
