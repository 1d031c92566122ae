import {
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
  NetworkSummary,
  NetworksPruneResponse,
} from "../networks.ts";
import { answers, del, get, json, post, query } from "../operation.ts";
import { list } from "../schema.ts";

export const networkOperations = {
  NetworkList: get("/networks", {
    query: { filters: query.filters },
    response: answers.json(list(NetworkSummary)),
  }),
  NetworkInspect: get("/networks/{id:.*}", {
    query: {
      verbose: query.since("1.28", query.bool),
      scope: query.since("1.31", query.string),
    },
    response: answers.json(NetworkInspect),
  }),
  NetworkDelete: del("/networks/{id:.*}", { response: answers.empty() }),
  NetworkCreate: post("/networks/create", {
    body: json(NetworkCreateRequest),
    response: answers.json(NetworkCreateResponse, 201),
  }),
  NetworkConnect: post("/networks/{id:.*}/connect", {
    body: json(NetworkConnectRequest),
    response: answers.empty(200),
  }),
  NetworkDisconnect: post("/networks/{id:.*}/disconnect", {
    body: json(NetworkDisconnectRequest),
    response: answers.empty(200),
  }),
  NetworkPrune: post("/networks/prune", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(NetworksPruneResponse),
  }),
} as const;
