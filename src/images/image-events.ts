import type { Digest } from "../oci/digest.ts";

/** What the API tells of images (`docker events`). `name`: the reference that it is about, else the id. */
export interface ImageEvent {
  action: "tag" | "untag" | "delete" | "import" | "load" | "save" | "create";
  id: Digest;
  name: string;
}

export type ImageEventSink = (event: ImageEvent) => void;
