import { clientVersionTypes } from "./client-version.ts";

/**
 * What `docker version --format` sees, as Go types: templates see Go's names and print by Go's rules. Notation:
 * `gotemplate/declarations.ts`.
 */
export const versionTypes = `
${clientVersionTypes}
types.ComponentVersion {
  Name string
  Version string
  Details map[string]string ?
}
types.Version {
  Platform { Name string } ?
  Components []types.ComponentVersion ?
  Version string
  APIVersion string ApiVersion
  MinAPIVersion string ?
  GitCommit string
  GoVersion string
  Os string
  Arch string
  KernelVersion string ?
  Experimental bool ?
  BuildTime string ?
}
system.versionInfo {
  Client system.clientVersion
  Server *types.Version
}
`;
