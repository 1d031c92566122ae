import { constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Opens a new file without a name, for reading and writing, on the file system of `folder` where that can have such
 * (`O_TMPFILE`): it is gone when it is closed, whatever happens. Otherwise where temporary files go.
 */
export function openScratchFile(folder: string): number {
  try {
    return openSync(folder, temporaryFile | constants.O_RDWR, 0o600);
  } catch {
    // Kinds of file systems, and old kernels, refuse it in different ways; what else is wrong shows below.
    const own = mkdtempSync(join(tmpdir(), "longshore-scratch-"));
    try {
      return openSync(join(own, "file"), "wx+", 0o600);
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  }
}

/** With the flag for directories in it, which differs between architectures (open(2)). */
const temporaryFile = 0o20000000 | constants.O_DIRECTORY;
