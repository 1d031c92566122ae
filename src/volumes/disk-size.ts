import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";

/** Bytes of the files below `directory`, each file once, whatever its number of names. What vanishes meanwhile is 0. */
export async function diskSize(directory: string): Promise<number> {
  const seen = new Set<string>();
  let total = 0;
  const pending = [directory];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const name of await orNothing(readdir(path))) {
      const child = join(path, name);
      const stats = await orUndefined(lstat(child));
      if (!stats) continue;
      if (stats.isDirectory()) pending.push(child);
      else if (stats.nlink === 1 || !seen.has(`${stats.dev}:${stats.ino}`)) {
        seen.add(`${stats.dev}:${stats.ino}`);
        total += stats.size;
      }
    }
  }
  return total;
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

const orNothing = async (work: Promise<string[]>) => (await orUndefined(work)) ?? [];
