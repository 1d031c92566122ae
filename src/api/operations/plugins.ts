import { answers, del, get, json, post, query, streamBody } from "../operation.ts";
import { Plugin, PluginPrivilege } from "../plugins.ts";
import { JSONMessage } from "../progress.ts";
import { list, string } from "../schema.ts";

export const pluginOperations = {
  PluginList: get("/plugins", {
    since: "1.25",
    query: { filters: query.filters },
    response: answers.json(list(Plugin)),
  }),
  GetPluginPrivileges: get("/plugins/privileges", {
    since: "1.25",
    query: { remote: query.string },
    registryAuth: true,
    response: answers.json(list(PluginPrivilege)),
  }),
  PluginPull: post("/plugins/pull", {
    since: "1.25",
    query: { remote: query.string, name: query.string },
    body: json(list(PluginPrivilege)),
    registryAuth: true,
    response: answers.messages(JSONMessage),
  }),
  PluginInspect: get("/plugins/{name:.*}/json", { since: "1.25", response: answers.json(Plugin) }),
  PluginDelete: del("/plugins/{name:.*}", {
    since: "1.25",
    query: { force: query.bool },
    response: answers.json(Plugin),
  }),
  PluginEnable: post("/plugins/{name:.*}/enable", {
    since: "1.25",
    query: { timeout: query.int },
    response: answers.empty(200),
  }),
  PluginDisable: post("/plugins/{name:.*}/disable", {
    since: "1.25",
    query: { force: query.bool },
    response: answers.empty(200),
  }),
  PluginUpgrade: post("/plugins/{name:.*}/upgrade", {
    since: "1.26",
    query: { remote: query.string },
    body: json(list(PluginPrivilege)),
    registryAuth: true,
    response: answers.messages(JSONMessage),
  }),
  PluginCreate: post("/plugins/create", {
    since: "1.25",
    query: { name: query.string },
    body: streamBody,
    response: answers.empty(),
  }),
  PluginPush: post("/plugins/{name:.*}/push", {
    since: "1.25",
    registryAuth: true,
    response: answers.messages(JSONMessage),
  }),
  PluginSet: post("/plugins/{name:.*}/set", {
    since: "1.25",
    body: json(list(string)),
    response: answers.empty(),
  }),
} as const;
