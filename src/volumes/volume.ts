import type { Volume as VolumeSummary } from "../api/volumes.ts";
import { invalidArgument } from "../base/errors.ts";
import type { VolumeRow } from "../store/volumes.ts";
import type { VolumeFacts } from "./driver.ts";

/** A volume, decoded. */
export interface Volume {
  name: string;
  driver: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  created: string;
  anonymous: boolean;
  scope: "local" | "global";
}

/** Tells the world what happened to a volume (`create`, `mount`, `unmount`, `destroy`; `prune`, of no volume). */
export type VolumeEvents = (action: string, volume: string, attributes: Record<string, string>) => void;

/** Docker marks volumes that nobody named with this label. */
export const anonymousLabel = "com.docker.volume.anonymous";

export function fromRow(row: VolumeRow): Volume {
  return {
    name: row.name,
    driver: row.driver,
    labels: JSON.parse(row.labels),
    options: JSON.parse(row.options),
    created: row.created,
    anonymous: row.anonymous === 1,
    scope: row.scope,
  };
}

/** A volume as the API shows it. */
export function volumeSummary(volume: Volume, { mountpoint, status }: VolumeFacts): VolumeSummary {
  const orNull = (map: Record<string, string>) => (Object.keys(map).length > 0 ? map : null);
  return {
    CreatedAt: volume.created,
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: volume.scope,
    ...(status && { Status: status }),
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
