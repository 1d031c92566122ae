import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Cleanups } from "../base/disposables.ts";
import type { StepContext } from "./step-context.ts";

/** A new folder below `tmp` of the data root, which `owner` removes; what a crash leaves there goes at the next start. */
export function temporaryFolder({ deps }: Pick<StepContext, "deps">, owner: Cleanups): string {
  const folder = join(deps.containers.roots.dataRoot, "tmp", `build-${crypto.randomUUID()}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  owner.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
