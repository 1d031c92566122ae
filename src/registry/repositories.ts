import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { orMissing } from "./files.ts";
import type { Layout } from "./layout.ts";

/** Which folders of a repository there are (`_manifests`, `_uploads`, …), by the repository's name, in no order. */
async function* walk(layout: Layout, name = ""): AsyncGenerator<{ name: string; own: string[] }> {
  const entries = await orMissing(readdir(join(layout.repositories, name)), []);
  const own = entries.filter((entry) => entry.startsWith("_"));
  if (own.length > 0) yield { name, own };
  for (const entry of entries) {
    if (!entry.startsWith("_")) yield* walk(layout, name === "" ? entry : `${name}/${entry}`);
  }
}

/** The names of all repositories that hold or held a manifest, sorted by their bytes. */
export async function listRepositories(layout: Layout): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, own } of walk(layout)) {
    if (own.includes("_manifests")) names.push(name);
  }
  return names.sort();
}

/** The names that uploads go to; they need not be repositories yet. */
export async function* namesWithUploads(layout: Layout): AsyncGenerator<string> {
  for await (const { name, own } of walk(layout)) {
    if (own.includes("_uploads")) yield name;
  }
}
