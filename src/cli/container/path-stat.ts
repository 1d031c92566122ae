import { EngineError } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";

/** What the daemon tells of a file in a container. `mode` is Go's `os.FileMode`. */
export interface ContainerPathStat {
  name: string;
  size: number;
  mode: number;
  linkTarget: string;
}

/** Go's bits of a mode (package io/fs): they are above 2^31, where JavaScript's operators do not reach. */
const hasBit = (mode: number, bit: number) => Math.floor(mode / 2 ** bit) % 2 === 1;

export const isDirectoryMode = (mode: number) => hasBit(mode, 31);
export const isLinkMode = (mode: number) => hasBit(mode, 27);
export const isDeviceMode = (mode: number) => hasBit(mode, 26);
export const isIrregularMode = (mode: number) => hasBit(mode, 19);

/** From the headers of an answer. */
export function readPathStat(headers: Readonly<Record<string, string>>): ContainerPathStat {
  return JSON.parse(Buffer.from(headers["x-docker-container-path-stat"] ?? "e30=", "base64").toString());
}

/** Undefined where the daemon cannot tell of it: what is wrong is said by the call that copies. */
export async function statInContainer(
  client: Client,
  container: string,
  path: string,
): Promise<ContainerPathStat | undefined> {
  try {
    return readPathStat(
      await client.callHead("ContainerArchiveInfo", { params: { id: container }, query: { path } }),
    );
  } catch (error) {
    if (error instanceof EngineError && error.code !== "cancelled") return undefined;
    throw error;
  }
}
