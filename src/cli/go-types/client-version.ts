/** The client as Go types: a part of what `docker version` and `docker info` show. */
export const clientVersionTypes = `
system.platformInfo {
  Name string ?
}
system.clientVersion {
  Platform *system.platformInfo ?
  Version string ?
  APIVersion string ApiVersion ?
  DefaultAPIVersion string ?
  GitCommit string ?
  GoVersion string ?
  Os string ?
  Arch string ?
  BuildTime string ?
  Context string
}
`;
