import type { Client } from "../../client/client.ts";
import { declared, type Inspected } from "../inspect.ts";

/** A container as `inspect` shows it. */
export async function getContainer(client: Client, id: string, size: boolean): Promise<Inspected> {
  return {
    json: await client.callRaw("ContainerInspect", { params: { id }, query: { size } }),
    type: async () =>
      declared((await import("../go-types/container.ts")).containerTypes, "container.InspectResponse"),
  };
}
