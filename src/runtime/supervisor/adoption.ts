import { readdirSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../base/async.ts";
import { errnoOf, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { processStartTime, runsWith } from "../../linux/process.ts";
import { ProcessFiles, type ProcessState } from "./process-files.ts";
import { reopenPipes } from "./stdio.ts";
import type { Supervisor } from "./supervisor.ts";

/** How long a runtime that was at work when its supervisor died may take to finish. */
const startPatience = 5000;
const startInterval = 10;

/** Takes up all that an earlier supervisor has left below `execRoot`: running processes, and recorded exits. */
export async function adoptAll(supervisor: Supervisor, execRoot: string, log: Logger): Promise<void> {
  const containers = join(execRoot, "containers");
  for (const id of folders(containers)) {
    const directory = join(containers, id);
    await adoptOne(supervisor, new ProcessFiles(directory), log);
    for (const execId of folders(join(directory, "exec"))) {
      await adoptOne(supervisor, new ProcessFiles(join(directory, "exec", execId)), log);
    }
  }
}

async function adoptOne(supervisor: Supervisor, files: ProcessFiles, log: Logger): Promise<void> {
  try {
    const state = files.readState();
    if (!state) return;
    if (!state.started) await finishStart(files, state);
    if (!state.started) {
      await supervisor.discard(state);
      return;
    }
    adoptStarted(supervisor, files, state);
  } catch (error) {
    // One damaged folder must not keep the others from being taken up.
    log.error("taking up a process failed", { directory: files.directory, error: messageOf(error) });
  }
}

/**
 * The earlier supervisor died while the runtime was at work, which goes on by itself when it does not die, too. A
 * terminal would have gone to a socket that nobody listens on: that start fails.
 */
async function finishStart(files: ProcessFiles, state: ProcessState): Promise<void> {
  if (state.tty) return;
  for (let waited = 0; waited < startPatience; waited += startInterval) {
    // Asked in this order: it writes the number before it ends.
    const atWork = runsWith(files.pid);
    const pid = files.readPid();
    if (pid !== undefined) {
      const startTime = processStartTime(pid) ?? "";
      state.started = { pid, startTime, startedAt: String(Date.now() * 1e6) };
      files.writeState(state);
      return;
    }
    if (!atWork) return;
    await sleep(startInterval);
  }
}

function adoptStarted(supervisor: Supervisor, files: ProcessFiles, state: ProcessState): void {
  const exit = files.readExit();
  const process = supervisor.processOf(state);
  const { pid = 0, startTime } = state.started ?? {};
  const lives = startTime !== "" && processStartTime(pid) === startTime;
  if (exit) {
    process.exit = exit;
    process.close();
  } else if (!state.tty) {
    process.begin(reopenPipes(files, state));
  }
  // The terminal of a process that lives comes from dockerd, by `adoptConsole`.
  supervisor.adopt(process, lives);
}

function folders(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw error;
  }
}
