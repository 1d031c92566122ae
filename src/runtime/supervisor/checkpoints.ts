import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, notFound } from "../../base/errors.ts";
import { tryLock } from "../../linux/fd.ts";
import type { OciRuntime } from "../oci-runtime.ts";
import { stdioNames, writeDumpConfig, writeRestoreConfig } from "./criu.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { CheckpointConfig, CheckpointRequest } from "./protocol.ts";

/** For CRIU's logs. */
const workFolder = "criu.work";
const configFile = "config.json";
/** Images that are not complete; no checkpoint is called so. Who writes them has the lock on their folder. */
export const partialOf = (directory: string) => join(dirname(directory), `.${basename(directory)}-partial`);

/** Makes a checkpoint: its folder is there when all of it is. Throws `unavailable` with the reason. */
export async function writeCheckpoint(
  runtime: OciRuntime,
  { state, files }: ManagedProcess,
  { directory, name, leaveRunning }: CheckpointRequest,
): Promise<void> {
  const partial = partialOf(directory);
  const work = join(partial, workFolder);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const writing = openSync(partial, "r");
  try {
    tryLock(writing);
    const stdio = stdioNames(files, state);
    writeDumpConfig(state.bundle, stdio);
    await runtime.checkpoint({ images: partial, work, leaveRunning });
    const created = new Date().toISOString();
    const config: CheckpointConfig = { created, name, exit: !leaveRunning, stdio };
    writeFileSync(join(partial, configFile), JSON.stringify(config), { mode: 0o600 });
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(writing);
  }
}

/** Removes what a supervisor that was killed has left of a checkpoint; false while somebody is at work on it. */
export function removePartial(partial: string): boolean {
  let folder: number;
  try {
    folder = openSync(partial, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    throw error;
  }
  try {
    if (!tryLock(folder)) return false;
    rmSync(partial, { recursive: true, force: true });
    return true;
  } catch (error) {
    // CRIU, which outlives the supervisor, has made another file.
    if (errnoOf(error) === "ENOTEMPTY") return false;
    throw error;
  } finally {
    closeSync(folder);
  }
}

/** Prepares a restore; returns the folders for the runtime. Throws `notFound` when there is no such checkpoint. */
export function prepareRestore(
  runtime: OciRuntime,
  directory: string,
  bundle: string,
): { images: string; work: string } {
  let config: CheckpointConfig;
  try {
    config = JSON.parse(readFileSync(join(directory, configFile), "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw notFound(`${directory} is no checkpoint: it has no ${configFile}`);
    throw error;
  }
  writeRestoreConfig(bundle, config.stdio, runtime.restoreMounts);
  // Not in the checkpoint, which others may read at the same time.
  const work = join(bundle, workFolder);
  mkdirSync(work, { recursive: true, mode: 0o700 });
  return { images: directory, work };
}
