import {
  chmodSync,
  chownSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** A build that two engines are asked for: a context, a Dockerfile, and further arguments of `docker build`. */
export interface BuildCase {
  arguments: string[];
  /** False where the classic builder of Docker does not know what is used, or does something else. */
  classic: boolean;
  files: CaseFile[];
}

interface CaseFile {
  path: string;
  mode: number;
  owner: [uid: number, gid: number];
  link: string | undefined;
  text: string;
}

const fileLine = /^-- (\S+)(?: (\d{3,4}))?(?: (\d+):(\d+))?(?: -> (\S+))? --$/;

/**
 * Reads a case. A file begins with `-- path [mode] [uid:gid] [-> target] --` and goes on until the next; a path that
 * ends in a slash is a folder, `%20` is a space. What stands before the first file are options: `arguments …`, `buildkit`.
 */
export function readCase(file: string): BuildCase {
  const found: BuildCase = { arguments: [], classic: true, files: [] };
  for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) {
    const [, path, mode, uid, gid, link] = fileLine.exec(line) ?? [];
    const current = found.files.at(-1);
    if (path !== undefined) {
      const usual = path.endsWith("/") ? "755" : "644";
      const owner: [number, number] = [Number(uid ?? 0), Number(gid ?? 0)];
      found.files.push({
        path: decodeURI(path),
        mode: Number.parseInt(mode ?? usual, 8),
        owner,
        link,
        text: "",
      });
    } else if (current !== undefined) current.text += `${line}\n`;
    else if (line === "buildkit") found.classic = false;
    else if (line.startsWith("arguments ")) found.arguments = line.split(" ").slice(1);
  }
  return found;
}

/** Everything in a context is of this moment, so that what is copied can be told from what is new. */
export const contextTime = 1_500_000_000;

/** Makes the folder that is built from. */
export function writeContext(folder: string, { files }: BuildCase): void {
  for (const { path, mode, owner, link, text } of files) {
    const target = join(folder, path);
    mkdirSync(path.endsWith("/") ? target : dirname(target), { recursive: true });
    if (link !== undefined) symlinkSync(link, target);
    else if (!path.endsWith("/")) writeFileSync(target, text);
    if (link === undefined) chownSync(target, ...owner);
    if (link === undefined) chmodSync(target, mode);
  }
  for (const { path } of files.toReversed()) {
    for (let at = path.replace(/\/$/, ""); at !== "."; at = dirname(at)) {
      lutimesSync(join(folder, at), contextTime, contextTime);
    }
  }
}
