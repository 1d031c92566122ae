import { answers, del, get, optionalJson, post, put, query, requiredJson } from "../operation.ts";
import { any, input } from "../schema.ts";
import { Volume, VolumeCreateRequest, VolumeListResponse, VolumesPruneResponse } from "../volumes.ts";

export const volumeOperations = {
  VolumeList: get("/volumes", {
    query: { filters: query.filters },
    response: answers.json(VolumeListResponse),
  }),
  VolumeCreate: post("/volumes/create", {
    body: requiredJson(VolumeCreateRequest),
    response: answers.json(Volume, 201),
  }),
  VolumeInspect: get("/volumes/{name:.*}", { response: answers.json(Volume) }),
  VolumeUpdate: put("/volumes/{name:.*}", {
    since: "1.42",
    query: { version: query.string },
    body: optionalJson(input("volume.UpdateOptions", () => ({ Spec: any }))),
    response: answers.empty(200),
  }),
  VolumeDelete: del("/volumes/{name:.*}", {
    query: { force: query.since("1.25", query.bool) },
    response: answers.empty(),
  }),
  VolumePrune: post("/volumes/prune", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(VolumesPruneResponse),
  }),
} as const;
