import { errnoOf } from "../base/errors.ts";

/**
 * `node:fs`, for what a short command seldom does: loading it takes the client 2 ms, a fifth of such a command
 * (`process.getBuiltinModule` takes as long again). What every command does is done without it: `readText`, and
 * outputs.
 */
export const nodeFs = () => require("node:fs") as typeof import("node:fs");

/** The text of a file. Throws as `readFileSync` does. */
export function readText(path: string): string {
  try {
    return Buffer.from(Bun.mmap(path)).toString();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw error;
    // Empty, no plain file, or not to be read.
    return nodeFs().readFileSync(path, "utf8");
  }
}
