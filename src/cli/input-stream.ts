import { createReadStream, openSync } from "node:fs";
import { errnoOf, invalidArgument } from "../base/errors.ts";

/** The bytes of a file that a flag or argument names. Throws with Go's text where it cannot be opened. */
export function fileBytes(path: string): AsyncIterable<Uint8Array> {
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
  return createReadStream(path, { fd, highWaterMark: 256 * 1024 });
}

/** The bytes of standard input. */
export function standardInput(): AsyncIterable<Uint8Array> {
  return Bun.stdin.stream();
}
