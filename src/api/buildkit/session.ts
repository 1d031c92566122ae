/**
 * What BuildKit's client offers to the daemon in a session: `moby.filesync.v1` with `fsutil.types`,
 * `moby.buildkit.secrets.v1`, `moby.sshforward.v1`.
 */
import { bytes, int, int64, list, type MessageOf, map, message, one, string } from "../../base/protobuf.ts";

import { contentMethods } from "./content.ts";

/** The methods, as paths of HTTP/2. */
export const sessionMethods = {
  readFiles: "/moby.filesync.v1.FileSync/DiffCopy",
  sendFiles: "/moby.filesync.v1.FileSend/DiffCopy",
  upload: "/moby.upload.v1.Upload/Pull",
  credentials: "/moby.filesync.v1.Auth/Credentials",
  secret: "/moby.buildkit.secrets.v1.Secrets/GetSecret",
  checkAgent: "/moby.sshforward.v1.SSH/CheckAgent",
  forwardAgent: "/moby.sshforward.v1.SSH/ForwardAgent",
  readContent: contentMethods.read,
  writeContent: contentMethods.write,
} as const;

/**
 * A file; `mode` is Go's `os.FileMode`, `modTime` nanoseconds since 1970. `stamp` is ours, for those who know it: see
 * `changeStamp`; "" where nothing is told.
 */
export const FileStat = message({
  path: one(1, string),
  mode: one(2, int),
  uid: one(3, int),
  gid: one(4, int),
  size: one(5, int),
  modTime: one(6, int64),
  linkname: one(7, string),
  devmajor: one(8, int),
  devminor: one(9, int),
  xattrs: map(10, bytes),
  stamp: one(1000, string),
});
export type FileStat = MessageOf<typeof FileStat>;

export const packetTypes = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

/** The one message of `DiffCopy`. A file's `ID` is its place among the `stat` packets, from 0. */
export const Packet = message({
  type: one(1, int),
  stat: one(2, FileStat),
  ID: one(3, int),
  data: one(4, bytes),
});
export type Packet = MessageOf<typeof Packet>;

/** Bits of Go's `os.FileMode` above the permissions. */
export const goModes = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  characterDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

export const CredentialsRequest = message({ Host: one(1, string) });
export const CredentialsResponse = message({ Username: one(1, string), Secret: one(2, string) });

export const GetSecretRequest = message({ ID: one(1, string), annotations: map(2, string) });
export const GetSecretResponse = message({ data: one(1, bytes) });

export const CheckAgentRequest = message({ ID: one(1, string) });

/** google.rpc.Status, as `grpc-status-details-bin` carries it. */
const Any = message({ type_url: one(1, string), value: one(2, bytes) });
export const RpcStatus = message({ code: one(1, int), message: one(2, string), details: list(3, Any) });
