import { buildCommit } from "../base/build.ts";

/** The release of the Go client whose commands, flags and texts this client has. */
export const clientVersion = "28.2.2";
export const versionLine = `Docker version ${clientVersion}, build ${buildCommit}`;
