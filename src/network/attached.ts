import type { EndpointRow } from "../store/networks.ts";
import type { PortReservation } from "./port-allocator.ts";
import type { ConnectRequest } from "./types.ts";
import type { Attachment } from "./views.ts";

/** A running container in memory: its rows, and what holds its ports. */
export interface Attached extends Attachment {
  endpoints: EndpointRow[];
  ports: PortReservation | undefined;
  /** By which its ports are published. */
  portNetwork: string | undefined;
  request: Pick<ConnectRequest, "exposedPorts" | "portBindings" | "publishAll" | "dns">;
}
