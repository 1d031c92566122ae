import { createReadStream, fstatSync, openSync } from "node:fs";
import { errnoOf, invalidArgument } from "../base/errors.ts";

/**
 * The bytes of a file that a flag or argument names, with their number where it is known; what is appended meanwhile is
 * left out. Throws with Go's text where it cannot be opened.
 */
export function fileBytes(path: string): AsyncIterable<Uint8Array> & { readonly length?: number } {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: "no such file or directory",
      EACCES: "permission denied",
    };
    const reason = reasons[errnoOf(error) ?? ""];
    if (reason === undefined) throw error;
    throw invalidArgument(`open ${path}: ${reason}`);
  }
  const status = fstatSync(fd);
  const options = { fd, highWaterMark: 256 * 1024 };
  // Files of /proc and the like say that they are empty.
  if (!status.isFile() || status.size === 0) return createReadStream(path, options);
  const stream = createReadStream(path, { ...options, start: 0, end: status.size - 1 });
  return Object.assign(stream, { length: status.size });
}

/** The bytes of standard input. */
export function standardInput(): AsyncIterable<Uint8Array> {
  return Bun.stdin.stream();
}
