import { readFileSync } from "node:fs";
import { invalidArgument, messageOf } from "../../base/errors.ts";

/** A configuration as it is written, not yet understood. */
export type Tree = { [key: string]: unknown };

/** Reads a file in YAML or JSON, in the form of Docker's registry (`config.yml`). Throws `invalidArgument`. */
export function readConfigFile(path: string): Tree {
  try {
    const tree: unknown = Bun.YAML.parse(readFileSync(path, "utf8"));
    if (tree === null || tree === undefined) return {};
    if (typeof tree !== "object" || Array.isArray(tree)) throw invalidArgument("it is not a map");
    return tree as Tree;
  } catch (error) {
    throw invalidArgument(`configuration file ${path}: ${messageOf(error)}`, error);
  }
}

/** Sets `a.b.c` in the tree, as flags and variables like `REGISTRY_A_B_C` do. */
export function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = tree[key];
  const next: Tree =
    typeof below === "object" && below !== null && !Array.isArray(below) ? (below as Tree) : {};
  tree[key] = next;
  setPath(next, rest, value);
}

/**
 * Applies `REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=…` and the like. Returns which variable each key (`a.b.c`) came
 * from.
 */
export function applyEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const origins = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith("REGISTRY_") || value === undefined) continue;
    const path = name.slice("REGISTRY_".length).toLowerCase().split("_");
    setPath(tree, path, fromYaml(value));
    origins.set(path.join("."), name);
  }
  return origins;
}

/** A variable's text as YAML, which it need not be. */
function fromYaml(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch {
    return text;
  }
}
