import { join } from "node:path";
import type { Target } from "./protocol.ts";

/** The supervisor's own files below the exec root. */
export function supervisorPaths(execRoot: string) {
  return {
    socket: join(execRoot, "supervisor.sock"),
    /** Locked (flock) by the one supervisor that runs. */
    lock: join(execRoot, "supervisor.lock"),
    /** Its diagnostics. */
    log: join(execRoot, "supervisor.log"),
  };
}

/** The folder of a container's first process, or of an exec. */
export function processDirectory(execRoot: string, { id, execId }: Target): string {
  const directory = join(execRoot, "containers", id);
  return execId === undefined ? directory : join(directory, "exec", execId);
}
