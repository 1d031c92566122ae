import {
  any,
  type Infer,
  input,
  int64,
  list,
  map,
  nullable,
  optional,
  string,
  stringOf,
  struct,
} from "./schema.ts";

export const Volume = struct("volume.Volume", () => ({
  ClusterVolume: optional(any),
  CreatedAt: optional(string),
  Driver: string,
  Labels: nullable(map(string)),
  Mountpoint: string,
  Name: string,
  Options: nullable(map(string)),
  Scope: stringOf("local", "global"),
  Status: optional(map(any)),
  /** Only in `GET /system/df`: bytes, and how many containers refer to it; -1 is not known. */
  UsageData: optional(struct("volume.UsageData", () => ({ RefCount: int64, Size: int64 }))),
}));
export type Volume = Infer<typeof Volume>;

export const VolumeCreateRequest = input("volume.CreateRequest", () => ({
  ClusterVolumeSpec: optional(any),
  Driver: optional(string),
  DriverOpts: optional(map(string)),
  Labels: optional(map(string)),
  Name: optional(string),
}));
export type VolumeCreateRequest = Infer<typeof VolumeCreateRequest>;

export const VolumeListResponse = struct("volume.ListResponse", () => ({
  Volumes: list(Volume),
  Warnings: nullable(list(string)),
}));
export type VolumeListResponse = Infer<typeof VolumeListResponse>;

export const VolumesPruneResponse = struct("volume.PruneReport", () => ({
  VolumesDeleted: nullable(list(string)),
  SpaceReclaimed: int64,
}));
export type VolumesPruneResponse = Infer<typeof VolumesPruneResponse>;
