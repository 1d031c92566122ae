import { ExecConfig, ExecInspectResponse, ExecStartConfig } from "../exec.ts";
import { IDResponse } from "../id-response.ts";
import { answers, get, json, optionalJson, post, query } from "../operation.ts";

export const execOperations = {
  ContainerExec: post("/containers/{id:.*}/exec", {
    body: json(ExecConfig),
    response: answers.json(IDResponse, 201),
  }),
  /** A detached start answers 200 without a body; all others take over the connection. */
  ExecStart: post("/exec/{id:.*}/start", {
    body: optionalJson(ExecStartConfig),
    response: answers.hijack(),
  }),
  ExecResize: post("/exec/{id:.*}/resize", {
    query: { h: query.requiredInt, w: query.requiredInt },
    response: answers.empty(200),
  }),
  ExecInspect: get("/exec/{id:.*}/json", { response: answers.json(ExecInspectResponse) }),
} as const;
