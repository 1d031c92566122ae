import { join } from "node:path";

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
