import { join } from "node:path";
import type { Volume as VolumeSummary } from "../api/volumes.ts";
import { invalidArgument } from "../base/errors.ts";
import type { VolumeRow } from "../store/volumes.ts";

/** A volume, decoded. */
export interface Volume {
  name: string;
  driver: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  created: string;
  anonymous: boolean;
  /** Its content, on the host. */
  mountpoint: string;
}

/** Tells the world what happened to a volume (`create`, `mount`, `unmount`, `destroy`; `prune`, of no volume). */
export type VolumeEvents = (action: string, volume: string, attributes: Record<string, string>) => void;

/** Docker marks volumes that nobody named with this label. */
export const anonymousLabel = "com.docker.volume.anonymous";

/** `root`: the folder of all volumes. */
export function fromRow(row: VolumeRow, root: string): Volume {
  return {
    name: row.name,
    driver: row.driver,
    labels: JSON.parse(row.labels),
    options: JSON.parse(row.options),
    created: row.created,
    anonymous: row.anonymous === 1,
    mountpoint: join(root, row.name, "_data"),
  };
}

/** A volume as the API shows it. */
export function volumeSummary(volume: Volume): VolumeSummary {
  const orNull = (map: Record<string, string>) => (Object.keys(map).length > 0 ? map : null);
  return {
    CreatedAt: volume.created,
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: "local",
  };
}

/** Throws `invalidArgument` with Docker's words. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw invalidArgument(
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  }
  if (name.length > 255 || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw invalidArgument(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only ` +
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
}
