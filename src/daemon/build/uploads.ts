import { invalidArgument } from "../../base/errors.ts";

/** An archive that is on its way; disposing of it ends the request that brings it. */
interface Upload extends AsyncDisposable {
  body: AsyncIterable<Uint8Array>;
}

/** What stands before the build's id in the request that brings its context. */
const prefix = "upload-request:";

/** The build whose context a request brings; undefined for one that is a build itself. */
export function uploadFor(buildId: string): string | undefined {
  return buildId.startsWith(prefix) ? buildId.slice(prefix.length) : undefined;
}

/** How long a build waits for its context: the two requests come at the same time. Milliseconds. */
const patience = 5000;

/** Contexts that come in a request of their own, beside the one of the build. */
export class Uploads {
  readonly #offered = new Map<string, Upload>();
  readonly #waiting = new Map<string, (upload: Upload) => void>();

  /** Keeps an archive for the build called `id`; resolves when the build has done with it. */
  async offer(id: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const upload: Upload = { body, [Symbol.asyncDispose]: async () => resolve() };
    signal.addEventListener("abort", () => resolve(), { once: true });
    const late = setTimeout(() => {
      if (this.#offered.get(id) === upload) resolve();
    }, patience);
    const waits = this.#waiting.get(id);
    if (waits !== undefined) waits(upload);
    else this.#offered.set(id, upload);
    await promise;
    clearTimeout(late);
    if (this.#offered.get(id) === upload) this.#offered.delete(id);
  }

  /** The archive for the build called `id`, once it is there. Throws `invalidArgument` when it does not come. */
  async take(id: string, signal: AbortSignal): Promise<Upload> {
    const offered = this.#offered.get(id);
    if (offered !== undefined) {
      this.#offered.delete(id);
      return offered;
    }
    const { promise, resolve, reject } = Promise.withResolvers<Upload>();
    const late = setTimeout(() => reject(invalidArgument(`no build context was sent for ${id}`)), patience);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#waiting.set(id, resolve);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      this.#waiting.delete(id);
    }
  }
}
