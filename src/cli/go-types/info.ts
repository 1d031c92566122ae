import { clientVersionTypes } from "./client-version.ts";

/**
 * What `docker info --format` sees, as Go types: templates see Go's names and print by Go's rules. Notation:
 * `gotemplate/declarations.ts`.
 */
export const infoTypes = `
${clientVersionTypes}
system.PluginsInfo {
  Volume []string
  Network []string
  Authorization []string
  Log []string
}
registry.NetIPNet string
registry.IndexInfo {
  Mirrors []string
  Name string
  Official bool
  Secure bool
}
registry.ServiceConfig {
  AllowNondistributableArtifactsCIDRs []*registry.NetIPNet ?
  AllowNondistributableArtifactsHostnames []string ?
  IndexConfigs map[string]*registry.IndexInfo
  InsecureRegistryCIDRs []*registry.NetIPNet
  Mirrors []string
  ExtraFields map[string]any -
}
swarm.NamedGenericResource {
  Kind string ?
  Value string ?
}
swarm.DiscreteGenericResource {
  Kind string ?
  Value int64 ?
}
swarm.GenericResource {
  NamedResourceSpec *swarm.NamedGenericResource ?
  DiscreteResourceSpec *swarm.DiscreteGenericResource ?
}
system.Runtime {
  Path string path ?
  Args []string runtimeArgs ?
  Type string runtimeType ?
  Options map[string]any options ?
}
system.RuntimeWithStatus {
  @system.Runtime
  Status map[string]string status ?
}
swarm.LocalNodeState string
swarm.Peer {
  NodeID string
  Addr string
}
swarm.Version {
  Index uint64 ?
}
swarm.Meta {
  Version swarm.Version ?
  CreatedAt time.Time ?
  UpdatedAt time.Time ?
}
swarm.Annotations {
  Name string ?
  Labels map[string]string
}
swarm.OrchestrationConfig {
  TaskHistoryRetentionLimit *int64 ?
}
swarm.RaftConfig {
  SnapshotInterval uint64 ?
  KeepOldSnapshots *uint64 ?
  LogEntriesForSlowFollowers uint64 ?
  ElectionTick int
  HeartbeatTick int
}
time.Duration int64
swarm.DispatcherConfig {
  HeartbeatPeriod time.Duration ?
}
swarm.ExternalCAProtocol string
swarm.ExternalCA {
  Protocol swarm.ExternalCAProtocol
  URL string
  Options map[string]string ?
  CACert string
}
swarm.CAConfig {
  NodeCertExpiry time.Duration ?
  ExternalCAs []*swarm.ExternalCA ?
  SigningCACert string ?
  SigningCAKey string ?
  ForceRotate uint64 ?
}
swarm.Driver {
  Name string ?
  Options map[string]string ?
}
swarm.TaskDefaults {
  LogDriver *swarm.Driver ?
}
swarm.EncryptionConfig {
  AutoLockManagers bool
}
swarm.Spec {
  @swarm.Annotations
  Orchestration swarm.OrchestrationConfig ?
  Raft swarm.RaftConfig ?
  Dispatcher swarm.DispatcherConfig ?
  CAConfig swarm.CAConfig ?
  TaskDefaults swarm.TaskDefaults ?
  EncryptionConfig swarm.EncryptionConfig ?
}
swarm.TLSInfo {
  TrustRoot string ?
  CertIssuerSubject []uint8 ?
  CertIssuerPublicKey []uint8 ?
}
swarm.ClusterInfo {
  ID string
  @swarm.Meta
  Spec swarm.Spec
  TLSInfo swarm.TLSInfo
  RootRotationInProgress bool
  DefaultAddrPool []string
  SubnetSize uint32
  DataPathPort uint32
}
swarm.Info {
  NodeID string
  NodeAddr string
  LocalNodeState swarm.LocalNodeState
  ControlAvailable bool
  Error string
  RemoteManagers []swarm.Peer
  Nodes int ?
  Managers int ?
  Cluster *swarm.ClusterInfo ?
  Warnings []string ?
}
container.Isolation string
system.Commit {
  ID string
  Expected string ?
}
system.NetworkAddressPool {
  Base string
  Size int
}
system.FirewallInfo {
  Driver string
  Info [][2]string ?
}
system.DeviceInfo {
  Source string
  ID string
}
system.ContainerdNamespaces {
  Containers string
  Plugins string
}
system.ContainerdInfo {
  Address string ?
  Namespaces system.ContainerdNamespaces
}
system.Info {
  ID string
  Containers int
  ContainersRunning int
  ContainersPaused int
  ContainersStopped int
  Images int
  Driver string
  DriverStatus [][2]string
  SystemStatus [][2]string ?
  Plugins system.PluginsInfo
  MemoryLimit bool
  SwapLimit bool
  KernelMemory bool ?
  KernelMemoryTCP bool ?
  CPUCfsPeriod bool CpuCfsPeriod
  CPUCfsQuota bool CpuCfsQuota
  CPUShares bool
  CPUSet bool
  PidsLimit bool
  IPv4Forwarding bool
  Debug bool
  NFd int
  OomKillDisable bool
  NGoroutines int
  SystemTime string
  LoggingDriver string
  CgroupDriver string
  CgroupVersion string ?
  NEventsListener int
  KernelVersion string
  OperatingSystem string
  OSVersion string
  OSType string
  Architecture string
  IndexServerAddress string
  RegistryConfig *registry.ServiceConfig
  NCPU int
  MemTotal int64
  GenericResources []swarm.GenericResource
  DockerRootDir string
  HTTPProxy string HttpProxy
  HTTPSProxy string HttpsProxy
  NoProxy string
  Name string
  Labels []string
  ExperimentalBuild bool
  ServerVersion string
  Runtimes map[string]system.RuntimeWithStatus
  DefaultRuntime string
  Swarm swarm.Info
  LiveRestoreEnabled bool
  Isolation container.Isolation
  InitBinary string
  ContainerdCommit system.Commit
  RuncCommit system.Commit
  InitCommit system.Commit
  SecurityOptions []string
  ProductLicense string ?
  DefaultAddressPools []system.NetworkAddressPool ?
  FirewallBackend *system.FirewallInfo ?
  CDISpecDirs []string
  DiscoveredDevices []system.DeviceInfo ?
  Containerd *system.ContainerdInfo ?
  Warnings []string
}
metadata.Metadata {
  SchemaVersion string ?
  Vendor string ?
  Version string ?
  ShortDescription string ?
  URL string ?
}
manager.Plugin {
  @metadata.Metadata
  Name string ?
  Path string ?
  Err any ?
  ShadowedPaths []string ?
}
system.clientInfo {
  Debug bool
  @system.clientVersion
  Plugins []manager.Plugin
  Warnings []string
}
system.dockerInfo {
  @*system.Info ?
  ServerErrors []string ?
  UserName string -
  ClientInfo *system.clientInfo ?
  ClientErrors []string ?
}
`;
