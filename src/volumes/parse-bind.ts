import { isAbsolute } from "node:path/posix";
import type { Mount } from "../api/mount.ts";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { parseMode } from "./mode.ts";
import type { MountPoint } from "./mount-point.ts";
import { parseMount } from "./parse-mount.ts";

export interface ParseBindOptions {
  /** The driver of volumes; empty is `local`. */
  volumeDriver: string;
  /** The name of a volume that has none. */
  newName: () => string;
}

/** Source, destination and mode of `[source:]destination[:mode]`. */
function split(text: string): [source: string, target: string, mode: string] | undefined {
  const parts = text.split(":");
  const [first = "", second, third] = parts;
  if (parts.length > 3 || first === "" || second === "") return undefined;
  if (second === undefined) return ["", first, ""];
  // A mode takes a source: `/data:ro` would be taken for a volume mounted at "ro".
  if (third === undefined) return parseMode(second) ? undefined : [first, second, ""];
  return [first, second, third];
}

/**
 * One entry of `HostConfig.Binds`, as `-v` gives it: of a path of the host, which is made when it is missing, or of a
 * volume by name. Throws `invalidArgument` with Docker's words.
 */
export function parseBind(text: string, options: ParseBindOptions): MountPoint {
  const parts = split(text);
  if (!parts) throw invalidArgument(`invalid volume specification: '${text}'`);
  const [source, target, modeText] = parts;
  const mode = parseMode(modeText);
  if (!mode) throw invalidArgument(`invalid mode: ${modeText}`);
  const bind = isAbsolute(source);
  const mount: Mount = {
    Type: bind ? "bind" : "volume",
    Source: source,
    Target: target,
    ReadOnly: mode.readOnly,
    ...(mode.propagation !== "" && { BindOptions: { Propagation: mode.propagation } }),
    ...(volumeOptions(mode.noCopy, bind ? "" : options.volumeDriver) ?? {}),
  };
  try {
    const { spec: _, ...point } = parseMount(mount, { requireSource: false, newName: options.newName });
    return { ...point, mode: modeText, ...(mode.idMap && { idMap: mode.idMap }) };
  } catch (error) {
    throw invalidArgument(`invalid volume specification: '${text}': ${messageOf(error)}`, error);
  }
}

function volumeOptions(noCopy: boolean, driver: string): Pick<Mount, "VolumeOptions"> | undefined {
  if (!noCopy && driver === "") return undefined;
  return {
    VolumeOptions: {
      ...(noCopy && { NoCopy: true }),
      ...(driver !== "" && { DriverConfig: { Name: driver } }),
    },
  };
}
