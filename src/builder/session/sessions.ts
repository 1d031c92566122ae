import type { Wire } from "../../api/http2/frame-writer.ts";
import { invalidArgument } from "../../base/errors.ts";
import { ClientSession, type SessionHead } from "./client-session.ts";

/** How long a build waits for the session that it names: the two requests come at the same time. Milliseconds. */
const patience = 5000;

/** The sessions that clients have open. */
export class Sessions {
  readonly #open = new Map<string, ClientSession>();
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>();

  /** Keeps a session until its connection ends. */
  async serve(head: SessionHead, wire: Wire): Promise<void> {
    const session = new ClientSession(head, wire);
    this.#open.set(head.id, session);
    for (const found of this.#waiting.get(head.id) ?? []) found(session);
    await new Promise<void>((resolve) => {
      session.rpc.closed.addEventListener("abort", () => resolve(), { once: true });
    });
    if (this.#open.get(head.id) === session) this.#open.delete(head.id);
  }

  /** The session called `id`, once it is there. Throws `invalidArgument` when it does not come. */
  async find(id: string, signal: AbortSignal): Promise<ClientSession> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    const { promise, resolve, reject } = Promise.withResolvers<ClientSession>();
    const late = setTimeout(() => reject(invalidArgument(`no active session for ${id}`)), patience);
    const abort = () => reject(signal.reason);
    waiting.add(resolve);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(id);
    }
  }
}
