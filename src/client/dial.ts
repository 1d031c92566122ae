import { type Dialed, dialSocket } from "../api/http1/dial-socket.ts";
import type { ClientTls } from "./client.ts";
import type { HostAddress } from "./host.ts";

export type { Dialed } from "../api/http1/dial-socket.ts";

/** Connects to a daemon; rejects with the system's error. */
export async function dial(address: HostAddress, tls: ClientTls | undefined): Promise<Dialed> {
  switch (address.kind) {
    case "unix":
      return dialSocket({ unix: address.path }, undefined, tlsError);
    case "tcp":
      return dialSocket({ hostname: address.host, port: address.port }, tls, tlsError);
    case "ssh": {
      // Spawning is only needed here; the common ways stay light.
      const { dialSsh } = await import("./dial-ssh.ts");
      return dialSsh(address);
    }
  }
}

function tlsError(error: Error | null): Error {
  return new Error(`tls: failed to verify certificate: ${error?.message ?? "handshake failed"}`);
}
