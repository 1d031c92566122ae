import { notImplemented } from "../../base/errors.ts";
import type { StatusProgress } from "./status-progress.ts";

/** `--cache-from`: where a cache cannot be had, the build goes on without it, and shows so. */
export async function refuseImports(imports: readonly string[], progress: StatusProgress): Promise<void> {
  for (const name of imports) {
    const refusal = notImplemented("results of other caches (--cache-from) are not supported");
    await progress
      .task(`importing cache manifest from ${name}`, () => Promise.reject(refusal))
      .catch(() => {});
  }
}
