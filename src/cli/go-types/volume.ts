/**
 * What `GET /volumes/{name}` answers, as Go types: templates see Go's names and print by Go's rules. Notation:
 * `gotemplate/declarations.ts`.
 */
export const volumeTypes = `
swarm.Version {
  Index uint64 ?
}
swarm.Meta {
  Version swarm.Version ?
  CreatedAt time.Time ?
  UpdatedAt time.Time ?
}
volume.Scope string
volume.SharingMode string
volume.TypeMount {
  FsType string ?
  MountFlags []string ?
}
volume.TypeBlock {
}
volume.AccessMode {
  Scope volume.Scope ?
  Sharing volume.SharingMode ?
  MountVolume *volume.TypeMount ?
  BlockVolume *volume.TypeBlock ?
}
volume.Topology {
  Segments map[string]string ?
}
volume.TopologyRequirement {
  Requisite []volume.Topology ?
  Preferred []volume.Topology ?
}
volume.CapacityRange {
  RequiredBytes int64
  LimitBytes int64
}
volume.Secret {
  Key string
  Secret string
}
volume.Availability string
volume.ClusterVolumeSpec {
  Group string ?
  AccessMode *volume.AccessMode ?
  AccessibilityRequirements *volume.TopologyRequirement ?
  CapacityRange *volume.CapacityRange ?
  Secrets []volume.Secret ?
  Availability volume.Availability ?
}
volume.PublishState string
volume.PublishStatus {
  NodeID string ?
  State volume.PublishState ?
  PublishContext map[string]string ?
}
volume.Info {
  CapacityBytes int64 ?
  VolumeContext map[string]string ?
  VolumeID string ?
  AccessibleTopology []volume.Topology ?
}
volume.ClusterVolume {
  ID string
  @swarm.Meta
  Spec volume.ClusterVolumeSpec
  PublishStatus []*volume.PublishStatus ?
  Info *volume.Info ?
}
volume.UsageData {
  RefCount int64
  Size int64
}
volume.Volume {
  ClusterVolume *volume.ClusterVolume ?
  CreatedAt string ?
  Driver string
  Labels map[string]string
  Mountpoint string
  Name string
  Options map[string]string
  Scope string
  Status map[string]any ?
  UsageData *volume.UsageData ?
}
`;
