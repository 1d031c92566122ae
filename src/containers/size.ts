import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isPlaceholder } from "../archive/placeholders.ts";
import { errnoOf } from "../base/errors.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { containerPaths } from "./paths.ts";

/** Bytes of the files that the container has changed. */
export async function changedBytes(deps: ContainerDeps, container: Container): Promise<number> {
  const { upper } = containerPaths(deps.roots, container.id);
  return bytesBelow(upper, { root: upper, seen: new Set() });
}

/**
 * `seen` holds the inodes that were counted: a file with several names is counted once. What the engine itself has put
 * below `root` is no change of the container's.
 */
async function bytesBelow(folder: string, count: { root: string; seen: Set<number> }): Promise<number> {
  const { root, seen } = count;
  let total = 0;
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      total += await bytesBelow(path, count);
      continue;
    }
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const status = await lstat(path);
    const { ino, size } = status;
    if (!seen.has(ino) && !isPlaceholder(path.slice(root.length + 1), status)) total += size;
    seen.add(ino);
  }
  return total;
}

/** A folder that vanished meanwhile has no entries. */
async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Adds SizeRw and SizeRootFs where they are asked for. */
export async function addSizes<T extends object>(
  deps: ContainerDeps,
  container: Container,
  answer: T,
  wanted: boolean,
): Promise<T & { SizeRw?: number; SizeRootFs?: number }> {
  if (!wanted) return answer;
  const changed = await changedBytes(deps, container);
  const layers = container.spec.layers
    .filter((layer) => deps.layers.has(layer))
    .reduce((sum, layer) => sum + deps.layers.size(layer), 0);
  return { ...answer, SizeRw: changed, SizeRootFs: layers + changed };
}
