import { createWriteStream, openSync } from "node:fs";
import type { Writable } from "node:stream";
import { invalidArgument, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Exchange } from "./http.ts";

/** Is told of each answer. */
export type AccessLog = (exchange: Exchange, outcome: Outcome) => void;

interface Outcome {
  /** 499 when the client went before the end. */
  status: number;
  millis: number;
  /** Of the answer's body; of all that was sent when the client went before the end. */
  bytes: number;
}

export const noAccessLog: AccessLog = () => {};

/** How long a file that could not be written is left alone. */
const pauseMillis = 1000;
/** Lines beyond so many waiting bytes are dropped: a log that nobody takes must not fill the memory. */
const mostWaiting = 16 * 1024 * 1024;

/** One JSON object a line, in a file, or on the standard output for `-`. */
export class AccessLogFile {
  readonly #path: string;
  readonly #log: Logger;
  #out: Writable;
  #failedAt = 0;

  /** Throws `invalidArgument` for a file that cannot be opened. */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    try {
      this.#out = this.#open();
    } catch (error) {
      throw invalidArgument(`access log ${path}: ${messageOf(error)}`, error);
    }
  }

  #open(): Writable {
    if (this.#path === "-") return process.stdout;
    const out = createWriteStream(this.#path, { fd: openSync(this.#path, "a") });
    return out.on("error", (error) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#failedAt = Date.now();
    this.#log.error("the access log is not written", { path: this.#path, error: messageOf(error) });
  }

  /** Goes on in the file that has the path now: what was there may have been moved away (logrotate). */
  reopen(): void {
    const before = this.#out;
    try {
      this.#out = this.#open();
      if (before !== process.stdout) before.end();
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly tell: AccessLog = (exchange, outcome) => {
    if (this.#out.destroyed && Date.now() - this.#failedAt > pauseMillis) this.reopen();
    if (this.#out.destroyed || this.#out.writableLength > mostWaiting) return;
    const { id, request, path: asked, identity, info } = exchange;
    const { status, millis, bytes } = outcome;
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
    this.#out.write(`${JSON.stringify(line)}\n`);
  };
}
