import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { globSource } from "../../base/glob.ts";
import { PathPatterns } from "../../base/path-patterns.ts";
import type { Choice } from "../../filesync/walk.ts";

/** What a build asks for of a folder. */
export interface Asked {
  /** As in `.dockerignore`. */
  exclude: readonly string[];
  /** Only these paths, and what symbolic links on the way name; none for all. */
  follow: readonly string[];
}

/** Which files of the folder `root` go along. */
export function choiceOf(root: string, { exclude, follow }: Asked): Choice {
  const ignored = new PathPatterns(exclude);
  const wanted = follow.length === 0 ? undefined : followed(root, follow);
  const isWanted = (path: string) =>
    wanted === undefined || wanted.some((one) => one === "" || path === one || path.startsWith(`${one}/`));
  const leadsTo = (path: string) => wanted?.some((one) => one.startsWith(`${path}/`)) ?? false;
  return {
    takes: (path) => isWanted(path) && !ignored.matches(path),
    mayTakeBelow: (path) =>
      (isWanted(path) || leadsTo(path)) && (!ignored.matches(path) || ignored.mayKeepBelow(path)),
  };
}

/** More links on the way than anybody makes: a circle. */
const maxLinks = 255;

/** The paths without wildcards, and the targets of links on the way. */
function followed(root: string, paths: readonly string[]): string[] {
  const found = new Set<string>();
  let links = 0;
  const visit = (folder: string, parts: readonly string[]): void => {
    const [part, ...rest] = parts;
    if (part === undefined) {
      found.add(folder);
      return;
    }
    for (const name of namesFor(root, folder, part)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const target = linkAt(join(root, path));
      if (target === undefined) {
        visit(path, rest);
        continue;
      }
      found.add(path);
      if (++links > maxLinks) continue;
      // Links mean what they mean inside of the context.
      const led = posix.resolve("/", target.startsWith("/") ? "" : folder, target.replace(/^\/+/, ""));
      visit("", [...partsOf(led), ...rest]);
    }
  };
  for (const path of paths) visit("", partsOf(posix.resolve("/", path)));
  return [...found];
}

const partsOf = (path: string) => path.split("/").filter((part) => part !== "");

function namesFor(root: string, folder: string, part: string): string[] {
  if (!/[*?[\\]/.test(part)) return [part];
  const pattern = new RegExp(`^${globSource(part)}$`, "s");
  try {
    return readdirSync(join(root, folder)).filter((name) => pattern.test(name));
  } catch {
    // No folder: then nothing in it is meant.
    return [];
  }
}

function linkAt(path: string): string | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch (error) {
    // A file where a pattern has a folder.
    if (errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
