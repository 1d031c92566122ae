import { invalidArgument } from "./errors.ts";
import { globSource } from "./glob.ts";

/** One pattern of a `.dockerignore` file. */
interface Pattern {
  text: string;
  /** True for `!pattern`: what it matches is kept after all. */
  keep: boolean;
  whole: RegExp;
}

/**
 * Which paths of a build context stay out of it (Dockerfile reference, ".dockerignore file"): the last pattern that
 * matches a path, or a folder above it, decides.
 */
export class PathPatterns {
  readonly #patterns: readonly Pattern[];
  /** True when a `!` pattern may keep something below an ignored folder. */
  readonly hasExceptions: boolean;

  /** `patterns` as in the file, in order. Throws `invalidArgument`, naming one that is malformed. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map(compile).filter((pattern) => pattern !== undefined);
    this.hasExceptions = this.#patterns.some((pattern) => pattern.keep);
  }

  /** Reads a `.dockerignore` file. */
  static read(text: string): PathPatterns {
    return new PathPatterns(readIgnoreLines(text));
  }

  /** Whether `path` (relative, slashes) is left out. */
  matches(path: string): boolean {
    const names = path.split("/");
    let ignored = false;
    for (const { keep, whole } of this.#patterns) {
      if (keep !== ignored) continue;
      if (names.some((_, index) => whole.test(names.slice(0, index + 1).join("/")))) ignored = !keep;
    }
    return ignored;
  }

  /** Whether the folder `path`, which is ignored, may hold something that is not: then it has to be looked into. */
  mayKeepBelow(path: string): boolean {
    if (!this.hasExceptions) return false;
    return this.#patterns.some(({ keep, text }) => keep && mayMatchBelow(text, path));
  }
}

/** The patterns of a `.dockerignore` file: comments and empty lines dropped, paths cleaned. */
export function readIgnoreLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const keep = line.startsWith("!");
      const path = clean(keep ? line.slice(1).trim() : line);
      return keep ? `!${path}` : path;
    });
}

/** As Go's `filepath.Clean`, and without the slash in front: all is relative to the context. */
function clean(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === ".." && names.length > 0 && names.at(-1) !== "..") names.pop();
    else names.push(name);
  }
  return names.join("/") || ".";
}

function compile(line: string): Pattern | undefined {
  const keep = line.startsWith("!");
  const text = clean(keep ? line.slice(1).trim() : line.trim());
  if (line.trim() === "" || text === ".") return undefined;
  if (text === "!") throw invalidArgument(`illegal exclusion pattern: "!"`);
  return { text, keep, whole: new RegExp(`^${globSource(text)}$`, "su") };
}

/** Whether `pattern` can match something below the folder `path`. */
function mayMatchBelow(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  for (const [index, name] of path.split("/").entries()) {
    const part = wanted[index];
    if (part === undefined) return true;
    if (part.includes("**")) return true;
    if (!new RegExp(`^${globSource(part)}$`, "su").test(name)) return false;
  }
  return true;
}
