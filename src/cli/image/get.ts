import type { Client } from "../../client/client.ts";
import { declared, type Inspected } from "../inspect.ts";

/** An image as `inspect` shows it; `platform` is JSON. */
export async function getImage(client: Client, name: string, platform = ""): Promise<Inspected> {
  return {
    json: await client.callRaw("ImageInspect", {
      params: { name },
      query: { platform: platform || undefined },
    }),
    type: async () => declared((await import("../go-types/image.ts")).imageTypes, "image.InspectResponse"),
  };
}
