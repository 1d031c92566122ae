/** `moby.buildkit.v1.frontend`: what buildx builds through (frontend/gateway/pb/gateway.proto). */
import { bool, bytes, int, list, map, message, one, string } from "../../base/protobuf.ts";
import { CacheOptionsEntry, WorkerRecord } from "./control.ts";
import { Definition } from "./definition.ts";
import { FileStat, RpcStatus } from "./session.ts";

const APICap = message({
  ID: one(1, string),
  Enabled: one(2, bool),
  Deprecated: one(3, bool),
});
export const PongResponse = message({
  FrontendAPICaps: list(1, APICap),
  LLBCaps: list(2, APICap),
  Workers: list(3, WorkerRecord),
});

const Ref = message({ id: one(1, string), def: one(2, Definition) });
const RefMap = message({ refs: map(1, Ref) });
const RefMapDeprecated = message({ refs: map(1, string) });
/** A oneof: one of the first four. */
export const Result = message({
  refDeprecated: one(1, string),
  refsDeprecated: one(2, RefMapDeprecated),
  ref: one(3, Ref),
  refs: one(4, RefMap),
  metadata: map(10, bytes),
});

export const GatewaySolveRequest = message({
  Definition: one(1, Definition),
  Frontend: one(2, string),
  FrontendOpt: map(3, string),
  allowResultReturn: one(5, bool),
  CacheImports: list(12, CacheOptionsEntry),
  FrontendInputs: map(13, Definition),
  Evaluate: one(14, bool),
});
export const GatewaySolveResponse = message({ ref: one(1, string), result: one(3, Result) });

export const ReturnRequest = message({ result: one(1, Result), error: one(2, RpcStatus) });

const FileRange = message({ Offset: one(1, int), Length: one(2, int) });
export const ReadFileRequest = message({
  Ref: one(1, string),
  FilePath: one(2, string),
  Range: one(3, FileRange),
});
export const ReadFileResponse = message({ Data: one(1, bytes) });
export const ReadDirRequest = message({
  Ref: one(1, string),
  DirPath: one(2, string),
  IncludePattern: one(3, string),
});
export const ReadDirResponse = message({ entries: list(1, FileStat) });
export const StatFileRequest = message({ Ref: one(1, string), Path: one(2, string) });
export const StatFileResponse = message({ stat: one(1, FileStat) });
export const EvaluateRequest = message({ Ref: one(1, string) });
