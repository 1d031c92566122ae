/** `moby.buildkit.v1`: the messages of BuildKit's control API (api/services/control/control.proto). */
import {
  bool,
  bytes,
  int,
  int64,
  list,
  type MessageOf,
  map,
  message,
  one,
  string,
} from "../../base/protobuf.ts";
import { Definition } from "./definition.ts";

/** google.protobuf.Timestamp. */
export const Timestamp = message({ seconds: one(1, int64), nanos: one(2, int) });
export type Timestamp = MessageOf<typeof Timestamp>;

const Position = message({ line: one(1, int), character: one(2, int) });
const Range = message({ start: one(1, Position), end: one(2, Position) });
const SourceInfo = message({ filename: one(1, string), data: one(2, bytes), language: one(4, string) });

const Vertex = message({
  digest: one(1, string),
  inputs: list(2, string),
  name: one(3, string),
  cached: one(4, bool),
  started: one(5, Timestamp),
  completed: one(6, Timestamp),
  error: one(7, string),
});

const VertexStatus = message({
  ID: one(1, string),
  vertex: one(2, string),
  name: one(3, string),
  current: one(4, int),
  total: one(5, int),
  timestamp: one(6, Timestamp),
  started: one(7, Timestamp),
  completed: one(8, Timestamp),
});

const VertexLog = message({
  vertex: one(1, string),
  timestamp: one(2, Timestamp),
  stream: one(3, int),
  msg: one(4, bytes),
});

const VertexWarning = message({
  vertex: one(1, string),
  level: one(2, int),
  short: one(3, bytes),
  detail: list(4, bytes),
  url: one(5, string),
  info: one(6, SourceInfo),
  ranges: list(7, Range),
});

export const StatusRequest = message({ Ref: one(1, string) });
export const StatusResponse = message({
  vertexes: list(1, Vertex),
  statuses: list(2, VertexStatus),
  logs: list(3, VertexLog),
  warnings: list(4, VertexWarning),
});
export type StatusResponse = MessageOf<typeof StatusResponse>;

export const CacheOptionsEntry = message({ Type: one(1, string), Attrs: map(2, string) });
const CacheOptions = message({ Exports: list(4, CacheOptionsEntry), Imports: list(5, CacheOptionsEntry) });
const Exporter = message({ Type: one(1, string), Attrs: map(2, string) });

export const SolveRequest = message({
  Ref: one(1, string),
  Definition: one(2, Definition),
  /** Before there could be several. */
  Exporter: one(3, string),
  ExporterAttrs: map(4, string),
  Session: one(5, string),
  Frontend: one(6, string),
  FrontendAttrs: map(7, string),
  Cache: one(8, CacheOptions),
  Entitlements: list(9, string),
  FrontendInputs: map(10, Definition),
  Exporters: list(13, Exporter),
});
export type SolveRequest = MessageOf<typeof SolveRequest>;
export const SolveResponse = message({ ExporterResponse: map(1, string) });

export const PruneRequest = message({
  filter: list(1, string),
  all: one(2, bool),
  keepDuration: one(3, int),
  reservedSpace: one(4, int),
  maxUsedSpace: one(5, int),
});
export const DiskUsageRequest = message({ filter: list(1, string) });
export const UsageRecord = message({
  ID: one(1, string),
  Mutable: one(2, bool),
  InUse: one(3, bool),
  Size: one(4, int),
  CreatedAt: one(6, Timestamp),
  LastUsedAt: one(7, Timestamp),
  UsageCount: one(8, int),
  Description: one(9, string),
  RecordType: one(10, string),
  Shared: one(11, bool),
});
export const DiskUsageResponse = message({ record: list(1, UsageRecord) });

export const BytesMessage = message({ data: one(1, bytes) });

const Platform = message({
  Architecture: one(1, string),
  OS: one(2, string),
  Variant: one(3, string),
});
const BuildkitVersion = message({
  package: one(1, string),
  version: one(2, string),
  revision: one(3, string),
});
export const WorkerRecord = message({
  ID: one(1, string),
  Labels: map(2, string),
  platforms: list(3, Platform),
  BuildkitVersion: one(5, BuildkitVersion),
});
export type WorkerRecord = MessageOf<typeof WorkerRecord>;
export const ListWorkersResponse = message({ record: list(1, WorkerRecord) });
export const InfoResponse = message({ buildkitVersion: one(1, BuildkitVersion) });
export const Empty = message({});
