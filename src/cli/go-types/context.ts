/**
 * What `docker context inspect` shows, as Go types: templates see Go's names and print by Go's rules. Notation:
 * `gotemplate/declarations.ts`.
 */
export const contextTypes = `
context.StorageInfo {
  MetadataPath string
  TLSPath string
}
context.contextWithTLSInfo {
  Name string
  Metadata map[string]any
  Endpoints map[string]any
  TLSMaterial map[string][]string
  Storage context.StorageInfo
}
`;
