import { maxApiVersion } from "../api/version.ts";
import { buildCommit, buildVersion } from "../base/build.ts";

const architectures: Record<string, string> = { x64: "amd64", ia32: "386" };

/** What `docker version` says of the client. */
export const clientFacts = {
  apiVersion: maxApiVersion,
  runtime: `bun${Bun.version}`,
  platform: `Longshore ${buildVersion}`,
  commit: buildCommit,
  built: "",
  os: process.platform,
  arch: architectures[process.arch] ?? process.arch,
} as const;
