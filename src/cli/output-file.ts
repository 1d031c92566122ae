import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, invalidArgument } from "../base/errors.ts";
import type { Cli } from "./cli.ts";

function checkTarget(path: string): void {
  const folder = dirname(path);
  try {
    if (!statSync(folder).isDirectory())
      throw invalidArgument(`invalid output path: ${folder} is not a directory`);
  } catch (error) {
    if (errnoOf(error) === "ENOENT")
      throw invalidArgument(`invalid output path: stat ${folder}: no such file or directory`);
    throw error;
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) throw invalidArgument(`${JSON.stringify(path)} must be a regular file`);
  if (stat && (stat.isBlockDevice() || stat.isFIFO() || stat.isSocket())) {
    throw invalidArgument("got a device");
  }
}

/**
 * Writes an archive to standard output, or to a file, which appears when it is whole. `verb` is for the error about a
 * terminal, which is no place for an archive.
 */
export async function writeArchive(
  cli: Cli,
  path: string,
  verb: string,
  open: () => Promise<AsyncIterable<Uint8Array>>,
): Promise<void> {
  if (path === "") {
    if (cli.out.isTerminal) {
      throw invalidArgument("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    for await (const bytes of await open()) cli.out.write(bytes);
    return;
  }
  try {
    checkTarget(path);
  } catch (error) {
    throw invalidArgument(
      `failed to ${verb} ${verb === "save" ? "image" : "container"}: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  const bytes = await open();
  const partial = `${dirname(path)}/.docker_temp_${process.pid}`;
  const fd = openSync(partial, "w", 0o600);
  try {
    for await (const chunk of bytes) {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    }
    closeSync(fd);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
