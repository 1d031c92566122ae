import {
  CheckpointCreateRequest,
  CheckpointList,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerSummary,
  ContainersPruneResponse,
  ContainerTopResponse,
  ContainerUpdateRequest,
  ContainerUpdateResponse,
  ContainerWaitResponse,
  FilesystemChange,
} from "../containers.ts";
import { answers, del, get, head, post, put, query, requiredJson, streamBody } from "../operation.ts";
import { list, nullable } from "../schema.ts";
import { ContainerStatsResponse } from "../stats.ts";

const attachQuery = {
  detachKeys: query.string,
  logs: query.bool,
  stream: query.bool,
  stdin: query.bool,
  stdout: query.bool,
  stderr: query.bool,
};

export const containerOperations = {
  ContainerList: get("/containers/json", {
    query: { all: query.bool, limit: query.int, size: query.bool, filters: query.filters },
    response: answers.json(list(ContainerSummary)),
  }),
  ContainerCreate: post("/containers/create", {
    query: { name: query.string, platform: query.since("1.41", query.string) },
    body: requiredJson(ContainerCreateRequest),
    response: answers.json(ContainerCreateResponse, 201),
  }),
  ContainerInspect: get("/containers/{id:.*}/json", {
    query: { size: query.bool },
    response: answers.json(ContainerInspectResponse),
  }),
  ContainerTop: get("/containers/{id:.*}/top", {
    query: { ps_args: query.string },
    response: answers.json(ContainerTopResponse),
  }),
  ContainerLogs: get("/containers/{id:.*}/logs", {
    query: {
      follow: query.bool,
      stdout: query.bool,
      stderr: query.bool,
      since: query.string,
      until: query.string,
      timestamps: query.bool,
      details: query.bool,
      tail: query.string,
    },
    response: answers.stream("application/vnd.docker.multiplexed-stream"),
  }),
  ContainerChanges: get("/containers/{id:.*}/changes", {
    response: answers.json(nullable(list(FilesystemChange))),
  }),
  ContainerExport: get("/containers/{id:.*}/export", {
    response: answers.stream("application/octet-stream"),
  }),
  ContainerStats: get("/containers/{id:.*}/stats", {
    query: { stream: query.boolTrue, "one-shot": query.since("1.41", query.bool) },
    response: answers.messages(ContainerStatsResponse),
  }),
  ContainerResize: post("/containers/{id:.*}/resize", {
    query: { h: query.requiredInt, w: query.requiredInt },
    response: answers.empty(200),
  }),
  ContainerStart: post("/containers/{id:.*}/start", {
    query: { detachKeys: query.string, checkpoint: query.string, "checkpoint-dir": query.string },
    response: answers.empty(),
  }),
  ContainerStop: post("/containers/{id:.*}/stop", {
    query: { signal: query.since("1.42", query.string), t: query.int },
    response: answers.empty(),
  }),
  ContainerRestart: post("/containers/{id:.*}/restart", {
    query: { signal: query.since("1.42", query.string), t: query.int },
    response: answers.empty(),
  }),
  ContainerKill: post("/containers/{id:.*}/kill", {
    query: { signal: query.string },
    response: answers.empty(),
  }),
  ContainerUpdate: post("/containers/{id:.*}/update", {
    body: requiredJson(ContainerUpdateRequest),
    response: answers.json(ContainerUpdateResponse),
  }),
  ContainerRename: post("/containers/{id:.*}/rename", {
    query: { name: query.string },
    response: answers.empty(),
  }),
  CheckpointCreate: post("/containers/{id:.*}/checkpoints", {
    body: requiredJson(CheckpointCreateRequest),
    response: answers.empty(201),
  }),
  CheckpointList: get("/containers/{id:.*}/checkpoints", {
    query: { dir: query.string },
    response: answers.json(CheckpointList),
  }),
  CheckpointDelete: del("/containers/{id:.*}/checkpoints/{checkpoint}", {
    query: { dir: query.string },
    response: answers.empty(),
  }),
  ContainerPause: post("/containers/{id:.*}/pause", { response: answers.empty() }),
  ContainerUnpause: post("/containers/{id:.*}/unpause", { response: answers.empty() }),
  ContainerAttach: post("/containers/{id:.*}/attach", { query: attachQuery, response: answers.hijack() }),
  ContainerAttachWebsocket: get("/containers/{id:.*}/attach/ws", {
    query: attachQuery,
    response: answers.hijack(),
  }),
  ContainerWait: post("/containers/{id:.*}/wait", {
    query: { condition: query.since("1.30", query.string) },
    response: answers.messages(ContainerWaitResponse),
  }),
  ContainerDelete: del("/containers/{id:.*}", {
    query: { v: query.bool, force: query.bool, link: query.bool },
    response: answers.empty(),
  }),
  ContainerArchiveInfo: head("/containers/{id:.*}/archive", {
    query: { path: query.string },
    response: answers.empty(200),
  }),
  ContainerArchive: get("/containers/{id:.*}/archive", {
    query: { path: query.string },
    response: answers.stream("application/x-tar"),
  }),
  PutContainerArchive: put("/containers/{id:.*}/archive", {
    query: { path: query.string, noOverwriteDirNonDir: query.bool, copyUIDGID: query.bool },
    body: streamBody,
    response: answers.empty(200),
  }),
  ContainerPrune: post("/containers/prune", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(ContainersPruneResponse),
  }),
} as const;
