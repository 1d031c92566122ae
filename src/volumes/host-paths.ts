import type { DiskWorkers } from "../archive/disk-workers.ts";
import type { LookJob, Seen } from "../archive/look.ts";
import { sleep } from "../base/async.ts";
import { unavailable } from "../base/errors.ts";
import { knownAtOnce } from "../linux/file-at.ts";

/** How long a file system may take to tell of one file: disks wake up, servers come back. Milliseconds. */
const patienceMillis = 10_000;

/**
 * Paths of the host that users name. What is behind them may be a server that never answers, and a thread that asks it
 * is lost to everything else: the event loop asks nothing that was not looked at here before.
 */
export class HostPaths {
  readonly #threads: DiskWorkers;
  /** One thread for each path, however many wait for it. */
  readonly #looks = new Map<string, Promise<Seen>>();

  /** `threads` are for this alone: those that ask a dead server do not come back. */
  constructor(threads: DiskWorkers) {
    this.#threads = threads;
  }

  /** What is at a path, links followed. Throws `unavailable` when its file system does not answer. */
  async look(path: string, root?: string): Promise<Seen> {
    const known = root === undefined ? knownAtOnce(path) : undefined;
    if (known) return known;
    const enough = new AbortController();
    const late = sleep(patienceMillis, enough.signal).then(
      () => undefined,
      () => undefined, // there was an answer
    );
    const seen = await Promise.race([this.#ask(root === undefined ? { path } : { path, root }), late]);
    enough.abort();
    if (!seen) throw unavailable(`the file system of ${path} does not answer`);
    return seen;
  }

  #ask(job: LookJob): Promise<Seen> {
    const key = `${job.root ?? ""}:${job.path}`;
    const asked = this.#looks.get(key);
    if (asked) return asked;
    const answer = this.#threads.run("look", job).finally(() => this.#looks.delete(key));
    answer.catch(() => {}); // told to those who still wait
    this.#looks.set(key, answer);
    return answer;
  }
}
