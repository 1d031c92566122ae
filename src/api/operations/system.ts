import { AuthConfig, AuthResponse } from "../images.ts";
import { answers, get, json, post, query } from "../operation.ts";
import { EventMessage, SystemDataUsage, SystemInfo, SystemVersion } from "../system.ts";

export const systemOperations = {
  SystemVersion: get("/version", { response: answers.json(SystemVersion) }),
  SystemInfo: get("/info", { response: answers.json(SystemInfo) }),
  SystemAuth: post("/auth", { body: json(AuthConfig), response: answers.json(AuthResponse) }),
  SystemEvents: get("/events", {
    query: { since: query.string, until: query.string, filters: query.filters },
    response: answers.messages(EventMessage),
  }),
  SystemDataUsage: get("/system/df", {
    query: {
      type: query.since("1.42", query.strings),
      verbose: query.since("1.52", query.bool),
    },
    response: answers.json(SystemDataUsage),
  }),
} as const;
