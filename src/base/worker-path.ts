import { fileURLToPath } from "node:url";

const here = import.meta.url;
const isCompiled = here.startsWith("file:///$bunfs/");

/**
 * What `new Worker()` takes for the file `<name>.ts` below `src/` (`archive/disk.worker`). In the executable, files
 * named `*.worker.ts` are entry points beside the main one; they keep their path below `src/`, which all of them have
 * in common, and end in `.js`.
 */
export function workerPath(name: string): string {
  return isCompiled ? `/$bunfs/root/${name}.js` : fileURLToPath(new URL(`../${name}.ts`, here));
}
