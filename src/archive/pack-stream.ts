import { cancelled } from "../base/errors.ts";
import type { DiskJobs } from "./disk-jobs.ts";
import type { DiskWorkers } from "./disk-workers.ts";
import { gather } from "./gather.ts";
import { type PackSource, packResource, packTree } from "./pack.ts";

/** How many pieces may be on their way: a slow reader must not fill the memory. */
const ahead = 8;

/** In the worker: sends the pieces, and waits when the reader has not taken those sent before. */
export function sendPieces(
  { source, taken }: DiskJobs["packStream"]["ask"],
  cancel: Int32Array,
  send: (piece: Uint8Array) => void,
): void {
  const counter = new Int32Array(taken);
  let sent = 0;
  const pieces =
    "tree" in source
      ? packTree(source.tree, { ids: source.ids })
      : packResource(source.dir, source.base, source.name, source.ids);
  for (const piece of gather(pieces)) {
    for (let seen = Atomics.load(counter, 0); sent - seen >= ahead; seen = Atomics.load(counter, 0)) {
      if (Atomics.load(cancel, 0) !== 0) break;
      Atomics.wait(counter, 0, seen);
    }
    if (Atomics.load(cancel, 0) !== 0) throw cancelled("context canceled");
    send(piece);
    sent++;
  }
}

/**
 * The tar of `source`, made by a thread while it is read. When the iteration ends, early too, nothing is read of the
 * source any more. `workers` must have one for every archive that is read at a time: a slow reader holds it.
 */
export async function* packStream(workers: DiskWorkers, source: PackSource): AsyncGenerator<Uint8Array> {
  const taken = new SharedArrayBuffer(4);
  const counter = new Int32Array(taken);
  const arrived: Uint8Array[] = [];
  const stop = new AbortController();
  let wake = () => {};
  let isOver = false;
  let failure: unknown;
  const job = workers
    .run(
      "packStream",
      { source, taken },
      {
        signal: stop.signal,
        onPiece: (piece) => {
          arrived.push(piece);
          wake();
        },
      },
    )
    .catch((error) => {
      failure = error;
    })
    .finally(() => {
      isOver = true;
      wake();
    });
  try {
    while (!isOver || arrived.length > 0) {
      for (let piece = arrived.shift(); piece; piece = arrived.shift()) {
        yield piece;
        Atomics.add(counter, 0, 1);
        Atomics.notify(counter, 0);
      }
      if (!isOver) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (failure !== undefined) throw failure;
  } finally {
    stop.abort();
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
    await job;
  }
}
