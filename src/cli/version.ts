import { buildCommit, dockerRelease } from "../base/build.ts";

/** The release of the Go client whose commands, flags and texts this client has. */
export const clientVersion = dockerRelease;
export const versionLine = `Docker version ${clientVersion}, build ${buildCommit}`;
