import { ContainerConfig } from "../containers.ts";
import { IDResponse } from "../id-response.ts";
import {
  AttestationStatement,
  DistributionInspect,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageSearchResult,
  ImageSummary,
  ImagesPruneResponse,
} from "../images.ts";
import { answers, del, get, optionalJson, post, query, streamBody } from "../operation.ts";
import { JSONMessage } from "../progress.ts";
import { list } from "../schema.ts";

export const imageOperations = {
  ImageList: get("/images/json", {
    query: {
      all: query.bool,
      filters: query.filters,
      "shared-size": query.since("1.42", query.bool),
      digests: query.bool,
      manifests: query.since("1.47", query.bool),
      identity: query.since("1.54", query.bool),
    },
    response: answers.json(list(ImageSummary)),
  }),
  /** Pull (`fromImage`), or import (`fromSrc`: `-` for the body, or a URL). */
  ImageCreate: post("/images/create", {
    query: {
      fromImage: query.string,
      fromSrc: query.string,
      repo: query.string,
      tag: query.string,
      message: query.string,
      changes: query.strings,
      platform: query.since("1.32", query.string),
    },
    body: streamBody,
    registryAuth: true,
    response: answers.messages(JSONMessage),
  }),
  ImageInspect: get("/images/{name:.*}/json", {
    query: {
      manifests: query.since("1.48", query.bool),
      platform: query.since("1.49", query.string),
    },
    response: answers.json(ImageInspect),
  }),
  ImageAttestations: get("/images/{name:.*}/attestations", {
    since: "1.55",
    query: { platform: query.strings, type: query.strings, statement: query.bool },
    response: answers.json(list(AttestationStatement)),
  }),
  ImageHistory: get("/images/{name:.*}/history", {
    query: { platform: query.since("1.48", query.string) },
    response: answers.json(list(ImageHistoryResponseItem)),
  }),
  ImagePush: post("/images/{name:.*}/push", {
    query: { tag: query.string, platform: query.since("1.46", query.string) },
    registryAuth: true,
    response: answers.messages(JSONMessage),
  }),
  ImageTag: post("/images/{name:.*}/tag", {
    query: { repo: query.string, tag: query.string },
    response: answers.empty(201),
  }),
  ImageDelete: del("/images/{name:.*}", {
    query: {
      force: query.bool,
      noprune: query.bool,
      platforms: query.since("1.50", query.strings),
    },
    response: answers.json(list(ImageDeleteResponseItem)),
  }),
  ImageSearch: get("/images/search", {
    query: { term: query.string, limit: query.int, filters: query.filters },
    registryAuth: true,
    response: answers.json(list(ImageSearchResult)),
  }),
  ImagePrune: post("/images/prune", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(ImagesPruneResponse),
  }),
  ImageCommit: post("/commit", {
    query: {
      container: query.string,
      repo: query.string,
      tag: query.string,
      comment: query.string,
      author: query.string,
      pause: query.boolTrue,
      changes: query.strings,
    },
    body: optionalJson(ContainerConfig),
    response: answers.json(IDResponse, 201),
  }),
  ImageGet: get("/images/{name:.*}/get", {
    query: { platform: query.since("1.48", query.strings) },
    response: answers.stream("application/x-tar"),
  }),
  ImageGetAll: get("/images/get", {
    query: { names: query.strings, platform: query.since("1.48", query.strings) },
    response: answers.stream("application/x-tar"),
  }),
  ImageLoad: post("/images/load", {
    query: { quiet: query.boolTrue, platform: query.since("1.48", query.strings) },
    body: streamBody,
    response: answers.messages(JSONMessage),
  }),
  DistributionInspect: get("/distribution/{name:.*}/json", {
    since: "1.30",
    registryAuth: true,
    response: answers.json(DistributionInspect),
  }),
} as const;
