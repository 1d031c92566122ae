import { StatusResponse } from "../../api/buildkit/control.ts";

/** What is kept of a build that nobody watches yet. Bytes. */
const maxKept = 4 * 1024 * 1024;

type Listener = (encoded: Uint8Array) => Promise<void>;

/** How a build goes, for whoever asks while it runs; what was said before the first one asks is kept for it. */
export class StatusChannel {
  readonly #listeners = new Set<Listener>();
  readonly #over = Promise.withResolvers<void>();
  #kept: Buffer[] = [];
  #bytes = 0;

  /** Resolves when all who listen can take more. */
  async push(status: Partial<StatusResponse>): Promise<void> {
    if (this.#listeners.size > 0) {
      const encoded = StatusResponse.encode(status);
      await Promise.all([...this.#listeners].map((listener) => listener(encoded)));
      return;
    }
    // Steps are told in any case; their output only as far as somebody can be expected to come for it.
    const encoded = StatusResponse.encode(this.#bytes > maxKept ? { ...status, logs: [] } : status);
    this.#kept.push(encoded);
    this.#bytes += encoded.length;
  }

  /** Tells `listener` all that is said until the end of the build, or until it is gone. */
  async listen(listener: Listener, gone: AbortSignal): Promise<void> {
    const kept = this.#kept;
    this.#kept = [];
    this.#bytes = 0;
    for (const encoded of kept) await listener(encoded);
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
