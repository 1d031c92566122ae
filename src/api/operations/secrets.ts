import { IDResponse } from "../id-response.ts";
import { answers, del, get, json, post, query } from "../operation.ts";
import { list } from "../schema.ts";
import { Config, ConfigSpec, Secret, SecretSpec } from "../swarm.ts";

/** Secrets and configurations, which have the same operations. */
export const secretOperations = {
  SecretList: get("/secrets", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(list(Secret)),
  }),
  SecretCreate: post("/secrets/create", {
    since: "1.25",
    body: json(SecretSpec),
    response: answers.json(IDResponse, 201),
  }),
  SecretInspect: get("/secrets/{id}", { since: "1.25", response: answers.json(Secret) }),
  SecretDelete: del("/secrets/{id}", { since: "1.25", response: answers.empty() }),
  SecretUpdate: post("/secrets/{id}/update", {
    since: "1.25",
    query: { version: query.string },
    body: json(SecretSpec),
    response: answers.empty(200),
  }),

  ConfigList: get("/configs", {
    since: "1.30",
    query: { filters: query.filters },
    response: answers.json(list(Config)),
  }),
  ConfigCreate: post("/configs/create", {
    since: "1.30",
    body: json(ConfigSpec),
    response: answers.json(IDResponse, 201),
  }),
  ConfigInspect: get("/configs/{id}", { since: "1.30", response: answers.json(Config) }),
  ConfigDelete: del("/configs/{id}", { since: "1.30", response: answers.empty() }),
  ConfigUpdate: post("/configs/{id}/update", {
    since: "1.30",
    query: { version: query.string },
    body: json(ConfigSpec),
    response: answers.empty(200),
  }),
} as const;
