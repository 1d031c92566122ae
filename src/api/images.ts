import { ContainerConfig, DriverData, HealthConfig } from "./containers.ts";
import { OCIDescriptor, OCIPlatform } from "./descriptor.ts";
import {
  any,
  bool,
  type Infer,
  input,
  int,
  int64,
  list,
  map,
  nullable,
  optional,
  optionalAfter,
  since,
  string,
  stringOf,
  stringOrList,
  struct,
  until,
  zeroUntil,
} from "./schema.ts";

/** Until API 1.49 an image's configuration was shown as if it were a container's. */
const containerLike = "1.49";

/** The configuration that an image gives to its containers. */
export const ImageConfig = input("container.Config", () => ({
  Hostname: zeroUntil(containerLike, string),
  Domainname: zeroUntil(containerLike, string),
  User: optionalAfter(containerLike, string),
  AttachStdin: zeroUntil(containerLike, bool),
  AttachStdout: zeroUntil(containerLike, bool),
  AttachStderr: zeroUntil(containerLike, bool),
  ExposedPorts: optional(map(input("struct {}", () => ({})))),
  Tty: zeroUntil(containerLike, bool),
  OpenStdin: zeroUntil(containerLike, bool),
  StdinOnce: zeroUntil(containerLike, bool),
  Env: optionalAfter(containerLike, list(string)),
  Cmd: optionalAfter(containerLike, stringOrList),
  Image: zeroUntil(containerLike, string),
  Volumes: optionalAfter(containerLike, map(input("struct {}", () => ({})))),
  WorkingDir: optionalAfter(containerLike, string),
  Entrypoint: optionalAfter(containerLike, stringOrList),
  Labels: optionalAfter(containerLike, map(string)),
  StopSignal: optional(string),
  ArgsEscaped: optional(bool),
  Healthcheck: optional(HealthConfig),
  OnBuild: optionalAfter(containerLike, list(string)),
  Shell: optional(stringOrList),
}));
export type ImageConfig = Infer<typeof ImageConfig>;

/** One manifest of an image: of a platform, or an attestation. Sizes in bytes. */
export const ImageManifestSummary = struct("image.ManifestSummary", () => ({
  ID: string,
  Descriptor: OCIDescriptor,
  Available: bool,
  Size: struct("image.ManifestSize", () => ({ Content: int64, Total: int64 })),
  Kind: stringOf("image", "attestation", "unknown"),
  ImageData: optional(
    struct("image.ImageProperties", () => ({
      Platform: OCIPlatform,
      Identity: optional(any),
      Size: struct("image.ImageDataSize", () => ({ Unpacked: int64 })),
      Containers: list(string),
    })),
  ),
  AttestationData: optional(struct("image.AttestationProperties", () => ({ For: string }))),
}));
export type ImageManifestSummary = Infer<typeof ImageManifestSummary>;

/** `GET /images/{name}/json`. */
export const ImageInspect = struct("image.InspectResponse", () => ({
  Id: string,
  RepoTags: list(string),
  RepoDigests: list(string),
  Parent: until("1.51", string),
  Comment: string,
  Created: optional(string),
  Container: until("1.44", string),
  ContainerConfig: until("1.44", ContainerConfig),
  DockerVersion: until("1.51", string),
  Author: string,
  Config: nullable(ImageConfig),
  Architecture: string,
  Variant: optional(string),
  Os: string,
  OsVersion: optional(string),
  Size: int64,
  VirtualSize: until("1.43", int64),
  GraphDriver: optional(DriverData),
  RootFS: struct("image.RootFS", () => ({ Type: string, Layers: optional(list(string)) })),
  Metadata: struct("image.Metadata", () => ({ LastTagTime: optional(string) })),
  Descriptor: since("1.48", nullable(OCIDescriptor)),
  Manifests: since("1.48", list(ImageManifestSummary)),
  Identity: since("1.53", any),
}));
export type ImageInspect = Infer<typeof ImageInspect>;

/**
 * One line of `GET /images/json`. `Created` in seconds since 1970; `SharedSize` and `Containers` are -1 when not asked
 * for.
 */
export const ImageSummary = struct("image.Summary", () => ({
  Containers: int64,
  Created: int64,
  Id: string,
  Labels: nullable(map(string)),
  ParentId: string,
  Descriptor: since("1.48", nullable(OCIDescriptor)),
  Manifests: since("1.47", list(ImageManifestSummary)),
  RepoDigests: list(string),
  RepoTags: list(string),
  SharedSize: int64,
  Size: int64,
  VirtualSize: until("1.43", int64),
}));
export type ImageSummary = Infer<typeof ImageSummary>;

export const ImageHistoryResponseItem = struct("image.HistoryResponseItem", () => ({
  Comment: string,
  Created: int64,
  CreatedBy: string,
  Id: string,
  Size: int64,
  Tags: nullable(list(string)),
}));
export type ImageHistoryResponseItem = Infer<typeof ImageHistoryResponseItem>;

export const ImageDeleteResponseItem = struct("image.DeleteResponse", () => ({
  Deleted: optional(string),
  Untagged: optional(string),
}));
export type ImageDeleteResponseItem = Infer<typeof ImageDeleteResponseItem>;

export const ImageSearchResult = struct("registry.SearchResult", () => ({
  star_count: int,
  is_official: bool,
  name: string,
  is_automated: bool,
  description: string,
}));
export type ImageSearchResult = Infer<typeof ImageSearchResult>;

export const ImagesPruneResponse = struct("image.PruneReport", () => ({
  ImagesDeleted: nullable(list(ImageDeleteResponseItem)),
  SpaceReclaimed: int64,
}));
export type ImagesPruneResponse = Infer<typeof ImagesPruneResponse>;

export const BuildPruneResponse = struct("build.CachePruneReport", () => ({
  CachesDeleted: nullable(list(string)),
  SpaceReclaimed: int64,
}));
export type BuildPruneResponse = Infer<typeof BuildPruneResponse>;

export const DistributionInspect = struct("registry.DistributionInspect", () => ({
  Descriptor: OCIDescriptor,
  Platforms: list(OCIPlatform),
}));
export type DistributionInspect = Infer<typeof DistributionInspect>;

export const AttestationStatement = struct("image.AttestationStatement", () => ({
  Descriptor: OCIDescriptor,
  PredicateType: string,
  Statement: optional(any),
}));
export type AttestationStatement = Infer<typeof AttestationStatement>;

/** Credentials for a registry: body of `POST /auth`, and, as base64url, the `X-Registry-Auth` header. */
export const AuthConfig = input("registry.AuthConfig", () => ({
  username: optional(string),
  password: optional(string),
  auth: optional(string),
  email: optional(string),
  serveraddress: optional(string),
  identitytoken: optional(string),
  registrytoken: optional(string),
}));
export type AuthConfig = Infer<typeof AuthConfig>;

export const AuthResponse = struct("registry.AuthResponse", () => ({
  IdentityToken: string,
  Status: string,
}));
export type AuthResponse = Infer<typeof AuthResponse>;
