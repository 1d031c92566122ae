import type { JSONMessage } from "../../api/progress.ts";

/** How much of a quiet build is kept for the case that it fails. Characters. */
const maxKept = 2 * 1024 * 1024;

/** What a build with `q=1` does not say, unless it fails: then its last messages are told before the error. */
export class QuietMessages {
  readonly #send: (message: JSONMessage) => Promise<void>;
  #kept: JSONMessage[] | undefined = [];
  #size = 0;

  constructor(send: (message: JSONMessage) => Promise<void>) {
    this.#send = send;
  }

  readonly tell = async (message: JSONMessage): Promise<void> => {
    if (this.#kept === undefined) {
      await this.#send(message);
      return;
    }
    this.#kept.push(message);
    this.#size += sizeOf(message);
    while (this.#size > maxKept) {
      const oldest = this.#kept.shift();
      if (oldest === undefined) break;
      this.#size -= sizeOf(oldest);
    }
  };

  /** From now on all is told, and first what was kept. */
  async speak(): Promise<void> {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const message of kept) await this.#send(message);
  }
}

/** Messages without text count too. */
const sizeOf = ({ stream = "", status = "" }: JSONMessage) => 100 + stream.length + status.length;
