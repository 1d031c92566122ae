import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import type { AttachInput } from "./attach-input.ts";
import { OutputHub } from "./output-hub.ts";
import type { AttachRequest } from "./protocol.ts";

interface Awaited {
  hub: OutputHub;
  inputs: AttachInput[];
}

/** Clients that are attached to what has not been started yet, by the key of the process. */
export class AwaitedClients {
  #byKey = new Map<string, Awaited>();

  /** Adds a client; it is forgotten when it leaves before the start. */
  add(key: string, socket: Socket, request: AttachRequest, input: AttachInput): void {
    let awaited = this.#byKey.get(key);
    if (!awaited) {
      awaited = { hub: new OutputHub(tmpdir()), inputs: [] };
      const { hub } = awaited;
      hub.onEmpty = () => {
        if (this.#byKey.get(key)?.hub === hub) this.#byKey.delete(key);
      };
      this.#byKey.set(key, awaited);
    }
    awaited.hub.add(socket, request);
    awaited.inputs.push(input);
  }

  /** The clients of a process that is being started now, or that never will be. */
  take(key: string): Awaited {
    const awaited = this.#byKey.get(key) ?? { hub: new OutputHub(tmpdir()), inputs: [] };
    this.#byKey.delete(key);
    return awaited;
  }
}
