import { StatusResponse } from "../../api/buildkit/control.ts";

/** What is kept of the output of a build that nobody watches yet. Bytes. */
const maxKept = 4 * 1024 * 1024;

type Listener = (encoded: Uint8Array) => Promise<void>;

/** How a build goes, for whoever asks while it runs; what was said before the first one asks is kept for it. */
export class StatusChannel {
  readonly #listeners = new Set<Listener>();
  readonly #over = Promise.withResolvers<void>();
  #kept: Partial<StatusResponse>[] = [];
  #bytes = 0;

  /** Resolves when all who listen can take more. */
  async push(status: Partial<StatusResponse>): Promise<void> {
    if (this.#listeners.size > 0) {
      const encoded = StatusResponse.encode(status);
      await Promise.all([...this.#listeners].map((listener) => listener(encoded)));
      return;
    }
    // Steps are told in any case; their output only as far as somebody can be expected to come for it.
    this.#kept.push(this.#bytes > maxKept ? { ...status, logs: [] } : status);
    for (const { msg } of status.logs ?? []) this.#bytes += msg.length;
  }

  /** Tells `listener` all that is said until the end of the build, or until it is gone. */
  async listen(listener: Listener, gone: AbortSignal): Promise<void> {
    const kept = this.#kept;
    this.#kept = [];
    this.#bytes = 0;
    for (const status of kept) await listener(StatusResponse.encode(status));
    this.#listeners.add(listener);
    const left = Promise.withResolvers<void>();
    gone.addEventListener("abort", () => left.resolve(), { once: true });
    await Promise.race([this.#over.promise, left.promise]);
    this.#listeners.delete(listener);
  }

  end(): void {
    this.#over.resolve();
  }
}
