import type { Mount } from "../api/mount.ts";
import type { IdMap } from "./id-map.ts";

export type PropagationMode = "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";

/**
 * One place in a container where something is mounted, as it was decided at create; it is kept with the container.
 * `GET /containers/{id}/json` shows it as `MountPoint`.
 */
export interface MountPoint {
  type: "bind" | "volume" | "tmpfs" | "image";
  /** Clean and absolute, in the container. */
  destination: string;
  /** `bind`: the path on the host. `volume`: its mount point, once the volume exists. `image`: its id. */
  source: string;
  /** `volume`: its name. `image`: the reference as it was given. */
  name: string;
  /** `volume`: its driver; empty while it is for the volume to say. */
  driver: string;
  /** The options as they were written after the second colon of a bind; empty for others. */
  mode: string;
  rw: boolean;
  /** Empty where it does not apply (tmpfs, volumes without a mode of their own). */
  propagation: PropagationMode | "";
  /** `volume`: the image's content below the destination is copied into it when it is empty. */
  copyData: boolean;
  /** `volume`: made for this container, without a name; removed with it. */
  anonymous: boolean;
  /** `bind`: a source that is missing is made, as a directory (`-v`); with `--mount` it is an error. */
  createSource: boolean;
  /** `volume`, `image`: the part of it that is mounted. */
  subpath?: string;
  /** `bind`, `volume`: files show other owners in the container. */
  idMap?: IdMap;
  /** `image`: what its reference meant at create, with the diff ids of its layers, bottom first. */
  image?: { id: string; layers: string[] };
  /** The `--mount` that it came from, for the options that only those have. */
  spec?: Mount;
  /** `tmpfs`: options of mount(8). */
  tmpfsOptions?: string[];
}
