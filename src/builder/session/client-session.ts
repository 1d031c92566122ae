import { sessionMethods } from "../../api/buildkit/session.ts";
import { GrpcClient } from "../../api/grpc/client.ts";
import type { Wire } from "../../api/http2/frame-writer.ts";

/** How a client names its session: the headers of `POST /session`. */
export interface SessionHead {
  id: string;
  /** The same for each build of a folder: what was sent before need not be sent again. */
  sharedKey: string;
  /** Paths of the methods that the client serves. */
  methods: readonly string[];
}

/** A client of BuildKit's protocol that waits to be asked: for files, secrets, credentials, its agent. */
export class ClientSession {
  readonly id: string;
  readonly sharedKey: string;
  readonly rpc: GrpcClient;
  readonly #methods: ReadonlySet<string>;

  constructor(head: SessionHead, wire: Wire) {
    this.id = head.id;
    this.sharedKey = head.sharedKey;
    this.#methods = new Set(head.methods.map((method) => method.toLowerCase()));
    this.rpc = new GrpcClient(wire);
  }

  offers(method: keyof typeof sessionMethods): boolean {
    return this.#methods.has(sessionMethods[method].toLowerCase());
  }
}
