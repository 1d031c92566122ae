import { BuildPruneResponse } from "../images.ts";
import { answers, post, query, streamBody } from "../operation.ts";
import { JSONMessage } from "../progress.ts";

export const buildOperations = {
  ImageBuild: post("/build", {
    query: {
      dockerfile: query.string,
      t: query.strings,
      extrahosts: query.string,
      remote: query.string,
      q: query.bool,
      nocache: query.bool,
      cachefrom: query.json<string[]>(),
      pull: query.bool,
      rm: query.boolTrue,
      forcerm: query.bool,
      memory: query.int,
      memswap: query.int,
      cpushares: query.int,
      cpusetcpus: query.string,
      cpusetmems: query.string,
      cpuperiod: query.int,
      cpuquota: query.int,
      cgroupparent: query.string,
      ulimits: query.json<{ Name: string; Hard: number; Soft: number }[]>(),
      buildargs: query.json<Record<string, string | null>>(),
      shmsize: query.int,
      squash: query.bool,
      labels: query.json<Record<string, string>>(),
      networkmode: query.string,
      securityopt: query.json<string[]>(),
      session: query.string,
      buildid: query.string,
      platform: query.since("1.32", query.string),
      target: query.string,
      outputs: query.since("1.40", query.json<{ Type: string; Attrs: Record<string, string> }[]>()),
      version: query.string,
    },
    body: streamBody,
    response: answers.messages(JSONMessage),
  }),
  BuildPrune: post("/build/prune", {
    since: "1.31",
    query: {
      all: query.since("1.39", query.bool),
      filters: query.since("1.39", query.filters),
      "keep-storage": query.since("1.39", query.int),
      "reserved-space": query.since("1.48", query.int),
      "max-used-space": query.since("1.48", query.int),
      "min-free-space": query.since("1.48", query.int),
    },
    response: answers.json(BuildPruneResponse),
  }),
  BuildCancel: post("/build/cancel", {
    since: "1.39",
    query: { id: query.string },
    response: answers.empty(),
  }),
  /** BuildKit's session: gRPC over the connection, which is upgraded to HTTP/2. */
  Session: post("/session", { since: "1.39", response: answers.hijack() }),
  /** BuildKit's control API: gRPC over the connection, which is upgraded to HTTP/2. */
  Grpc: post("/grpc", { since: "1.39", response: answers.hijack() }),
} as const;
