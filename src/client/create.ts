import { decode, parseJson } from "../api/decode.ts";
import { bodyBytes, wholeBody } from "../api/http1/body.ts";
import type { Operation } from "../api/operation.ts";
import { maxApiVersion, minApiVersion, type OperationId, operations } from "../api/operations.ts";
import { any } from "../api/schema.ts";
import { compareVersions } from "../api/version.ts";
import { cancelled, EngineError, messageOf, unavailable } from "../base/errors.ts";
import type { Client, ClientOptions, Hijacked, Streamed } from "./client.ts";
import { type Dialed, dial } from "./dial.ts";
import { errorOfDial, errorOfResponse } from "./errors.ts";
import { errorText, exchange, type IncomingResponse, NoAnswer, type OutgoingRequest } from "./exchange.ts";
import { defaultHost, type HostAddress, parseHostAddress } from "./host.ts";
import { parseMessages } from "./messages.ts";
import { type AnyCall, encodeRegistryAuth, targetOf } from "./request.ts";

/** The longest answer of one JSON value. Bytes. */
const maxJson = 256 * 1024 * 1024;

interface Answered extends IncomingResponse {
  readonly dialed: Dialed;
  /** The caller's signal no longer cuts the connection. */
  settle(): void;
}

/** A client of the daemon at `options.host`; nothing is connected before the first call. */
export function createClient(options: ClientOptions = {}): Client {
  // The methods of the interface are typed by the operation; inside, all calls have one form.
  return new EngineClient(options) as unknown as Client;
}

class EngineClient {
  readonly host: string;
  readonly #options: ClientOptions;
  readonly #address: HostAddress;
  readonly #idle: Dialed[] = [];
  #version: Promise<string> | undefined;

  constructor(options: ClientOptions) {
    this.host = options.host ?? defaultHost;
    this.#options = options;
    this.#address = parseHostAddress(this.host, options.tls !== undefined);
    if (options.version !== undefined) this.#version = Promise.resolve(options.version.replace(/^v/, ""));
  }

  negotiate(): Promise<string> {
    this.#version ??= this.#ask().catch((error: unknown) => {
      this.#version = undefined;
      throw error;
    });
    return this.#version;
  }

  /** The daemon's version, or ours where that is older. A daemon that does not tell is taken for the oldest. */
  async #ask(): Promise<string> {
    let answer = await this.#send({
      method: "HEAD",
      target: "/_ping",
      headers: this.#headers(),
      body: undefined,
    });
    if (answer.status >= 400) {
      this.#release(answer);
      answer = await this.#send({
        method: "GET",
        target: "/_ping",
        headers: this.#headers(),
        body: undefined,
      });
      await errorText(answer);
    }
    this.#release(answer);
    const theirs = answer.headers["api-version"] ?? minApiVersion;
    return compareVersions(theirs, maxApiVersion) < 0 ? theirs : maxApiVersion;
  }

  async call(id: OperationId, call: AnyCall = {}): Promise<unknown> {
    const operation: Operation = operations[id];
    const text = await this.#text(id, call);
    if (operation.response.kind === "empty") return undefined;
    if (operation.response.kind === "text") return text;
    // A daemon may answer 200 without a body where ours has one (`POST /auth` of old).
    return decode(operation.response.schema ?? any, text === "" ? null : parseJson(text));
  }

  async callRaw(id: OperationId, call: AnyCall = {}): Promise<string> {
    return this.#text(id, call);
  }

  async callHead(id: OperationId, call: AnyCall = {}): Promise<Readonly<Record<string, string>>> {
    const answer = await this.#request(id, call);
    await this.#cancellable(call, answer, () => wholeBody(answer.body, maxJson));
    this.#release(answer);
    return answer.headers;
  }

  async messages(id: OperationId, call: AnyCall = {}): Promise<Streamed<unknown>> {
    const answer = await this.#request(id, call);
    const operation: Operation = operations[id];
    const schema = operation.response.schema ?? any;
    const bytes = this.#bytes(answer, call);
    return streamed(answer, parseMessages(bytes, schema));
  }

  async stream(id: OperationId, call: AnyCall = {}): Promise<Streamed<Uint8Array>> {
    const answer = await this.#request(id, call);
    return streamed(answer, this.#bytes(answer, call));
  }

  async hijack(id: OperationId, call: AnyCall = {}): Promise<Hijacked> {
    const headers = { ...call.headers, Connection: "Upgrade", Upgrade: "tcp" };
    const answer = await this.#request(id, { ...call, headers });
    const { connection } = answer.dialed;
    const raw = answer.status === 101 || answer.headers["content-length"] === undefined;
    return {
      ...streamed(answer, raw ? readAll(connection) : bodyBytes(answer.body)),
      multiplexed: answer.headers["content-type"] === "application/vnd.docker.multiplexed-stream",
      write: async (bytes) => {
        if (!(await connection.write(bytes))) throw unavailable("write: broken pipe");
      },
      closeWrite: () => connection.closeWrite(),
      close: () => connection.destroy(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
  }

  #headers(): Record<string, string> {
    const address = this.#address;
    const host = address.kind === "tcp" ? `${address.host}:${address.port}` : "api.moby.localhost";
    return {
      Host: host,
      "User-Agent": this.#options.userAgent ?? "Longshore-Client (linux)",
      ...this.#options.headers,
    };
  }

  async #text(id: OperationId, call: AnyCall): Promise<string> {
    const answer = await this.#request(id, call);
    const body = await this.#cancellable(call, answer, () => wholeBody(answer.body, maxJson));
    this.#release(answer);
    return body.toString("utf8");
  }

  async *#bytes(answer: Answered, call: AnyCall): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const bytes = await this.#cancellable(call, answer, () => answer.body.next());
        if (!bytes) break;
        yield bytes;
      }
    } finally {
      this.#release(answer);
    }
  }

  /** Errors of a connection that the caller's signal cut are told as that. */
  async #cancellable<T>(call: AnyCall, answer: Answered, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      answer.dialed.connection.destroy();
      if (call.signal?.aborted) throw cancelled("context canceled", error);
      throw unavailable(`error during connect: ${messageOf(error)}`, error);
    }
  }

  /** Sends a call and returns the answer, when it is no error. */
  async #request(id: OperationId, call: AnyCall): Promise<Answered> {
    const operation: Operation = operations[id];
    const version = await this.negotiate();
    const headers: Record<string, string> = { ...this.#headers(), ...call.headers };
    let body: OutgoingRequest["body"];
    if (operation.body.kind === "stream") body = call.body as AsyncIterable<Uint8Array> | undefined;
    else if (operation.body.kind === "json" && call.body !== undefined) {
      body = JSON.stringify(call.body);
      headers["Content-Type"] ??= "application/json";
    }
    if (body !== undefined) headers["Content-Type"] ??= "application/x-tar";
    if (call.registryAuth !== undefined) headers["X-Registry-Auth"] = encodeRegistryAuth(call.registryAuth);
    const target = targetOf(id, operation, call, version);
    const answer = await this.#send({ method: operation.method, target, headers, body }, call.signal);
    if (answer.status < 400) return answer;
    const text = await errorText(answer);
    this.#release(answer);
    throw errorOfResponse(answer.status, answer.headers["content-type"], text);
  }

  async #send(request: OutgoingRequest, signal?: AbortSignal): Promise<Answered> {
    for (;;) {
      if (signal?.aborted) throw cancelled("context canceled");
      const kept = this.#take();
      const dialed = kept ?? (await this.#dial());
      const { connection } = dialed;
      const cut = () => connection.destroy();
      signal?.addEventListener("abort", cut, { once: true });
      const settle = () => signal?.removeEventListener("abort", cut);
      try {
        const answer = await exchange(connection, request);
        return Object.assign(answer, { dialed, settle });
      } catch (error) {
        settle();
        connection.destroy();
        if (signal?.aborted) throw cancelled("context canceled", error);
        // A kept connection may have been closed by the daemon meanwhile; what it never answered is sent again.
        if (kept && error instanceof NoAnswer && typeof request.body !== "object") continue;
        if (error instanceof EngineError && error.code === "unavailable") throw error;
        throw unavailable(`error during connect: ${connection.failure ?? messageOf(error)}`, error);
      }
    }
  }

  async #dial(): Promise<Dialed> {
    try {
      return await dial(this.#address, this.#options.tls);
    } catch (error) {
      throw errorOfDial(this.host, error);
    }
  }

  #take(): Dialed | undefined {
    for (;;) {
      const dialed = this.#idle.pop();
      if (!dialed) return undefined;
      if (dialed.connection.closed || dialed.connection.inputEnded) continue;
      dialed.hold(true);
      return dialed;
    }
  }

  /** Keeps the connection for the next call where that can be, and closes it otherwise. */
  #release(answer: Answered): void {
    const { connection } = answer.dialed;
    answer.settle();
    if (!answer.body.ended || !answer.reusable || connection.closed) connection.destroy();
    else {
      answer.dialed.hold(false);
      this.#idle.push(answer.dialed);
    }
  }
}

function streamed<T>(answer: Answered, values: AsyncIterable<T>): Streamed<T> {
  return {
    status: answer.status,
    headers: answer.headers,
    [Symbol.asyncIterator]: () => values[Symbol.asyncIterator](),
  };
}

async function* readAll(connection: Dialed["connection"]): AsyncGenerator<Uint8Array, void> {
  try {
    for (let bytes = await connection.read(); bytes; bytes = await connection.read()) yield bytes;
  } finally {
    connection.destroy();
  }
}
