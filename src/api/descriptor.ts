import { type Infer, int64, list, map, nullable, optional, string, struct } from "./schema.ts";

export const OCIPlatform = struct("v1.Platform", () => ({
  architecture: string,
  os: string,
  "os.version": optional(string),
  "os.features": optional(list(string)),
  variant: optional(string),
}));
export type OCIPlatform = Infer<typeof OCIPlatform>;

/** A content descriptor of the OCI image specification, as the API shows it. */
export const OCIDescriptor = struct("v1.Descriptor", () => ({
  mediaType: string,
  digest: string,
  size: int64,
  urls: optional(list(string)),
  annotations: optional(map(string)),
  data: optional(string),
  platform: optional(nullable(OCIPlatform)),
  artifactType: optional(string),
}));
export type OCIDescriptor = Infer<typeof OCIDescriptor>;
