import type { CacheEntry } from "../../api/buildkit/cache-entries.ts";
import { Cleanups } from "../../base/disposables.ts";
import { cancelled } from "../../base/errors.ts";
import type { Entitlements } from "../../builder/entitlements.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import type { Engine } from "../../engine/engine.ts";
import { evaluate } from "./evaluate.ts";
import { type ExportAnswer, exportAll, type Output } from "./export.ts";
import type { FrontendAttrs } from "./frontend-options.ts";
import type { StatusProgress } from "./status-progress.ts";

export interface SolveTask {
  session: ClientSession;
  sessions: Sessions;
  attrs: FrontendAttrs;
  /** `--cache-from`. */
  imports: readonly CacheEntry[];
  outputs: readonly Output[];
  entitlements: Entitlements;
  archive?: AsyncIterable<Uint8Array> | undefined;
  progress: StatusProgress;
  signal: AbortSignal;
}

/** Builds, and hands the result over. All of the progress is told before it returns, or throws. */
export async function solve(engine: Engine, task: SolveTask): Promise<ExportAnswer> {
  const { outputs, progress, session } = task;
  await using owned = new Cleanups();
  using lease = engine.blobs.lease();
  // A client that is gone wants nothing any more.
  const signal = AbortSignal.any([task.signal, session.rpc.closed]);
  const request = { ...task, signal, owned, lease, inputs: () => undefined };
  try {
    return await exportAll(engine, request, await evaluate(engine, request), outputs);
  } catch (error) {
    throw signal.aborted ? cancelled("context canceled", error) : error;
  } finally {
    await progress.flush();
  }
}
