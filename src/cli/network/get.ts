import type { Client } from "../../client/client.ts";
import { declared, type Inspected } from "../inspect.ts";

/** A network as `inspect` shows it. */
export async function getNetwork(client: Client, id: string, verbose = false): Promise<Inspected> {
  return {
    json: await client.callRaw("NetworkInspect", { params: { id }, query: { verbose } }),
    type: async () => declared((await import("../go-types/network.ts")).networkTypes, "network.Inspect"),
  };
}
