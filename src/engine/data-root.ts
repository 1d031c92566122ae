import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { conflict } from "../base/errors.ts";

export const databaseName = "longshore.db";

/** What a real Docker keeps in its data root, and we never do. */
const docker = ["engine-id", "image", "overlay2", "buildkit", "swarm"];

/**
 * Makes the roots where they are missing. Throws `conflict` when the data root is a real Docker's: both write
 * `containers/` and `volumes/`, and neither would know of the other.
 */
export function openRoots(dataRoot: string, execRoot: string): void {
  for (const root of [dataRoot, execRoot]) mkdirSync(root, { recursive: true, mode: 0o711 });
  if (existsSync(join(dataRoot, databaseName))) return;
  const foreign = readdirSync(dataRoot).filter((name) => docker.includes(name));
  if (foreign.length === 0) return;
  throw conflict(
    `${dataRoot} is the data root of another engine (it holds ${foreign.join(", ")}): choose another one with --data-root`,
  );
}
