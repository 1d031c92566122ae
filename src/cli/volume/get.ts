import type { Client } from "../../client/client.ts";
import { declared, type Inspected } from "../inspect.ts";

/** A volume as `inspect` shows it. */
export async function getVolume(client: Client, name: string): Promise<Inspected> {
  return {
    json: await client.callRaw("VolumeInspect", { params: { name } }),
    type: async () => declared((await import("../go-types/volume.ts")).volumeTypes, "volume.Volume"),
  };
}
