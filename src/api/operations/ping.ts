import { answers, get, head } from "../operation.ts";

export const pingOperations = {
  SystemPing: get("/_ping", { response: answers.text() }),
  SystemPingHead: head("/_ping", { response: answers.text() }),
} as const;
