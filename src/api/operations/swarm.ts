import { answers, del, get, json, post, query } from "../operation.ts";
import { any, list, string } from "../schema.ts";
import {
  Node,
  Service,
  ServiceCreateResponse,
  ServiceUpdateResponse,
  Swarm,
  SwarmInitRequest,
  SwarmJoinRequest,
  Task,
  UnlockKey,
} from "../swarm.ts";

const logsQuery = {
  details: query.bool,
  follow: query.bool,
  stdout: query.bool,
  stderr: query.bool,
  since: query.string,
  timestamps: query.bool,
  tail: query.string,
};

export const swarmOperations = {
  SwarmInspect: get("/swarm", { response: answers.json(Swarm) }),
  SwarmInit: post("/swarm/init", { body: json(SwarmInitRequest), response: answers.json(string) }),
  SwarmJoin: post("/swarm/join", { body: json(SwarmJoinRequest), response: answers.empty(200) }),
  SwarmLeave: post("/swarm/leave", { query: { force: query.bool }, response: answers.empty(200) }),
  SwarmUpdate: post("/swarm/update", {
    query: {
      version: query.string,
      rotateWorkerToken: query.bool,
      rotateManagerToken: query.bool,
      rotateManagerUnlockKey: query.bool,
    },
    body: json(any),
    response: answers.empty(200),
  }),
  SwarmUnlockkey: get("/swarm/unlockkey", { response: answers.json(UnlockKey) }),
  SwarmUnlock: post("/swarm/unlock", { body: json(UnlockKey), response: answers.empty(200) }),

  NodeList: get("/nodes", { query: { filters: query.filters }, response: answers.json(list(Node)) }),
  NodeInspect: get("/nodes/{id}", { response: answers.json(Node) }),
  NodeDelete: del("/nodes/{id}", { query: { force: query.bool }, response: answers.empty(200) }),
  NodeUpdate: post("/nodes/{id}/update", {
    query: { version: query.string },
    body: json(any),
    response: answers.empty(200),
  }),

  ServiceList: get("/services", {
    query: { filters: query.filters, status: query.since("1.41", query.bool) },
    response: answers.json(list(Service)),
  }),
  ServiceCreate: post("/services/create", {
    body: json(any),
    registryAuth: true,
    response: answers.json(ServiceCreateResponse, 201),
  }),
  ServiceInspect: get("/services/{id}", {
    query: { insertDefaults: query.bool },
    response: answers.json(Service),
  }),
  ServiceDelete: del("/services/{id}", { response: answers.empty(200) }),
  ServiceUpdate: post("/services/{id}/update", {
    query: { version: query.string, registryAuthFrom: query.string, rollback: query.string },
    body: json(any),
    registryAuth: true,
    response: answers.json(ServiceUpdateResponse),
  }),
  ServiceLogs: get("/services/{id}/logs", {
    query: logsQuery,
    response: answers.stream("application/vnd.docker.multiplexed-stream"),
  }),

  TaskList: get("/tasks", { query: { filters: query.filters }, response: answers.json(list(Task)) }),
  TaskInspect: get("/tasks/{id}", { response: answers.json(Task) }),
  TaskLogs: get("/tasks/{id}/logs", {
    query: logsQuery,
    response: answers.stream("application/vnd.docker.multiplexed-stream"),
  }),
} as const;
