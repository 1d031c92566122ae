import { createWriteStream } from "node:fs";
import type { Exchange } from "./http.ts";

/** Is told of each answer. */
export type AccessLog = (exchange: Exchange, outcome: Outcome) => void;

interface Outcome {
  /** 499 when the client went before the end. */
  status: number;
  millis: number;
  /** Of the answer's body. */
  bytes: number;
}

export const noAccessLog: AccessLog = () => {};

/** One JSON object a line, to a file, or to the standard output for `-`. */
export function openAccessLog(path: string): AccessLog {
  const out = path === "-" ? process.stdout : createWriteStream(path, { flags: "a" });
  return ({ id, request, path: asked, identity, info }, { status, millis, bytes }) => {
    const { host, "user-agent": agent } = request.headers;
    const line = {
      time: new Date().toISOString(),
      id,
      remote: info.remote,
      account: identity.account,
      method: request.method,
      host,
      path: asked,
      status,
      bytes,
      millis: Math.round(millis * 10) / 10,
      agent,
    };
    out.write(`${JSON.stringify(line)}\n`);
  };
}
