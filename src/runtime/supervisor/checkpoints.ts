import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf, notFound } from "../../base/errors.ts";
import type { OciRuntime } from "../oci-runtime.ts";
import { stdioNames, writeCriuConfig } from "./criu.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { CheckpointConfig, CheckpointRequest } from "./protocol.ts";

/** For CRIU's logs. */
const workFolder = "criu.work";
const configFile = "config.json";
/** Images that are not complete; no checkpoint is called so. */
const partialOf = (directory: string) => join(dirname(directory), `.${basename(directory)}-partial`);

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
  try {
    const stdio = stdioNames(files, state);
    writeCriuConfig(state.bundle, stdio, false);
    await runtime.checkpoint({ images: partial, work, leaveRunning });
    const created = new Date().toISOString();
    const config: CheckpointConfig = { created, name, exit: !leaveRunning, stdio };
    writeFileSync(join(partial, configFile), JSON.stringify(config), { mode: 0o600 });
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Prepares a restore; returns the folders for the runtime. Throws `notFound` when there is no such checkpoint. */
export function prepareRestore(directory: string, bundle: string): { images: string; work: string } {
  let config: CheckpointConfig;
  try {
    config = JSON.parse(readFileSync(join(directory, configFile), "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw notFound(`${directory} is no checkpoint: it has no ${configFile}`);
    throw error;
  }
  writeCriuConfig(bundle, config.stdio, true);
  // Not in the checkpoint, which others may read at the same time.
  const work = join(bundle, workFolder);
  mkdirSync(work, { recursive: true, mode: 0o700 });
  return { images: directory, work };
}
