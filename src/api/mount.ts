import { bool, type Infer, input, int, int64, list, map, optional, string, stringOf } from "./schema.ts";

/** One `--mount` of a container. */
export const Mount = input("mount.Mount", () => ({
  Type: optional(stringOf("bind", "cluster", "image", "npipe", "tmpfs", "volume")),
  Source: optional(string),
  Target: optional(string),
  ReadOnly: optional(bool),
  Consistency: optional(string),
  /** Not in Docker's: `idmap`, `uid=1000,gid=1000` (see `volumes/id-map.ts`). */
  IDMap: optional(string),
  BindOptions: optional(
    input("mount.BindOptions", () => ({
      Propagation: optional(stringOf("private", "rprivate", "shared", "rshared", "slave", "rslave")),
      NonRecursive: optional(bool),
      CreateMountpoint: optional(bool),
      ReadOnlyNonRecursive: optional(bool),
      ReadOnlyForceRecursive: optional(bool),
    })),
  ),
  VolumeOptions: optional(
    input("mount.VolumeOptions", () => ({
      NoCopy: optional(bool),
      Labels: optional(map(string)),
      Subpath: optional(string),
      DriverConfig: optional(
        input("mount.Driver", () => ({ Name: optional(string), Options: optional(map(string)) })),
      ),
    })),
  ),
  ImageOptions: optional(input("mount.ImageOptions", () => ({ Subpath: optional(string) }))),
  TmpfsOptions: optional(
    input("mount.TmpfsOptions", () => ({
      SizeBytes: optional(int64),
      Mode: optional(int),
      Options: optional(list(list(string))),
    })),
  ),
  ClusterOptions: optional(input("mount.ClusterOptions", () => ({}))),
}));
export type Mount = Infer<typeof Mount>;
