/** `containerd.services.content.v1`: how files of a local cache travel through a client's session. */
import { bytes, int, type MessageOf, map, message, one, string } from "../../base/protobuf.ts";
import { Timestamp } from "./control.ts";

const service = "/containerd.services.content.v1.Content";

/** Those methods that builders use. */
export const contentMethods = {
  info: `${service}/Info`,
  read: `${service}/Read`,
  write: `${service}/Write`,
  status: `${service}/Status`,
  listStatuses: `${service}/ListStatuses`,
  abort: `${service}/Abort`,
} as const;

/** The header field that says which of a client's stores is meant: `local:` and the folder, as the client calls it. */
export const contentStoreHeader = "buildkit-attachable-store-id";

const Info = message({
  digest: one(1, string),
  size: one(2, int),
  created_at: one(3, Timestamp),
  updated_at: one(4, Timestamp),
  labels: map(5, string),
});
export const InfoRequest = message({ digest: one(1, string) });
export const InfoResponse = message({ info: one(1, Info) });

export const ReadContentRequest = message({ digest: one(1, string), offset: one(2, int), size: one(3, int) });
export const ReadContentResponse = message({ offset: one(1, int), data: one(2, bytes) });

export const writeActions = { stat: 0, write: 1, commit: 2 } as const;
export const WriteContentRequest = message({
  action: one(1, int),
  ref: one(2, string),
  total: one(3, int),
  expected: one(4, string),
  offset: one(5, int),
  data: one(6, bytes),
  labels: map(7, string),
});
export type WriteContentRequest = MessageOf<typeof WriteContentRequest>;
export const WriteContentResponse = message({
  action: one(1, int),
  started_at: one(2, Timestamp),
  updated_at: one(3, Timestamp),
  offset: one(4, int),
  total: one(5, int),
  digest: one(6, string),
});

export const IngestRequest = message({ ref: one(1, string) });
