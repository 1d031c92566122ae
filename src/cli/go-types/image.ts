import { containerConfigTypes } from "./container-config.ts";

/**
 * What `GET /images/{name}/json` answers, as Go types: templates see Go's names and print by Go's rules. Notation:
 * `gotemplate/declarations.ts`.
 */
export const imageTypes = `
${containerConfigTypes}
v1.ImageConfig {
  User string ?
  ExposedPorts map[string]struct{} ?
  Env []string ?
  Entrypoint []string ?
  Cmd []string ?
  Volumes map[string]struct{} ?
  WorkingDir string ?
  Labels map[string]string ?
  StopSignal string ?
  ArgsEscaped bool ?
}
v1.DockerOCIImageConfigExt {
  Healthcheck *v1.HealthcheckConfig ?
  OnBuild []string ?
  Shell []string ?
}
v1.DockerOCIImageConfig {
  @v1.ImageConfig
  @v1.DockerOCIImageConfigExt
}
storage.DriverData {
  Data map[string]string
  Name string
}
image.RootFS {
  Type string ?
  Layers []string ?
}
image.Metadata {
  LastTagTime time.Time ?
}
digest.Digest string
v1.Platform {
  Architecture string architecture
  OS string os
  OSVersion string os.version ?
  OSFeatures []string os.features ?
  Variant string variant ?
}
v1.Descriptor {
  MediaType string mediaType
  Digest digest.Digest digest
  Size int64 size
  URLs []string urls ?
  Annotations map[string]string annotations ?
  Data []uint8 data ?
  Platform *v1.Platform platform ?
  ArtifactType string artifactType ?
}
image.ManifestKind string
image.ImageProperties {
  Platform v1.Platform
  Size { Unpacked int64 }
  Containers []string
}
image.AttestationProperties {
  For digest.Digest
}
image.ManifestSummary {
  ID string
  Descriptor v1.Descriptor
  Available bool
  Size { Content int64; Total int64 }
  Kind image.ManifestKind
  ImageData *image.ImageProperties ?
  AttestationData *image.AttestationProperties ?
}
image.InspectResponse {
  ID string Id
  RepoTags []string
  RepoDigests []string
  Parent string
  Comment string
  Created string ?
  Container string ?
  ContainerConfig *container.Config ?
  DockerVersion string
  Author string
  Config *v1.DockerOCIImageConfig
  Architecture string
  Variant string ?
  Os string
  OsVersion string ?
  Size int64
  VirtualSize int64 ?
  GraphDriver storage.DriverData
  RootFS image.RootFS
  Metadata image.Metadata
  Descriptor *v1.Descriptor ?
  Manifests []image.ManifestSummary ?
}
`;
