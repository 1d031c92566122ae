import { decode, parseJson } from "../api/decode.ts";
import { bodyBytes, wholeBody } from "../api/http1/body.ts";
import type { Connection } from "../api/http1/connection.ts";
import type { Operation } from "../api/operation.ts";
import { operationOf } from "../api/operation-of.ts";
import type { OperationId } from "../api/operations.ts";
import { any } from "../api/schema.ts";
import { compareVersions, maxApiVersion, minApiVersion } from "../api/version.ts";
import { cancelled, messageOf, unavailable } from "../base/errors.ts";
import type { Client, ClientOptions, Hijacked, Streamed } from "./client.ts";
import { errorOfResponse, unexpectedAnswer } from "./errors.ts";
import { errorText, type OutgoingRequest } from "./exchange.ts";
import { parseMessages } from "./messages.ts";
import { type AnyCall, encodeRegistryAuth, targetOf } from "./request.ts";
import { type Answered, Transport } from "./transport.ts";

/** The longest answer of one JSON value. Bytes. */
const maxJson = 256 * 1024 * 1024;

/** A client of the daemon at `options.host`; nothing is connected before the first call. */
export function createClient(options: ClientOptions = {}): Client {
  // The methods of the interface are typed by the operation; inside, all calls have one form.
  return new EngineClient(options) as unknown as Client;
}

class EngineClient {
  readonly #transport: Transport;
  readonly #headers: Readonly<Record<string, string>>;
  /** Agreed on with the daemon, or given by the user. */
  #version: string | undefined;
  #pinged: Promise<Answered["headers"]> | undefined;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.#version = options.version?.replace(/^v/, "");
    this.#headers = {
      Host: this.#transport.hostHeader,
      "User-Agent": options.userAgent ?? "Longshore-Client (linux)",
      ...options.headers,
    };
  }

  get host(): string {
    return this.#transport.host;
  }

  async negotiate(): Promise<string> {
    if (this.#version === undefined) await this.ping();
    this.#version ??= minApiVersion;
    return this.#version;
  }

  ping(): Promise<Answered["headers"]> {
    this.#pinged ??= this.#ping();
    return this.#pinged;
  }

  async #ping(): Promise<Answered["headers"]> {
    const ping = { target: "/_ping", headers: this.#headers, body: undefined };
    let answer = await this.#transport.send({ ...ping, method: "HEAD" });
    if (answer.status >= 400) {
      this.#transport.release(answer);
      answer = await this.#transport.send({ ...ping, method: "GET" });
      await errorText(answer);
    }
    this.#transport.release(answer);
    this.#version ??= agreedVersion(answer.headers);
    return answer.headers;
  }

  async call(id: OperationId, call: AnyCall = {}): Promise<unknown> {
    const { text, status } = await this.#whole(id, call);
    const { response } = await operationOf(id);
    if (response.kind === "empty") return undefined;
    if (response.kind === "text") return text;
    // No content stands for the zero value (`POST /auth` may answer so); anybody else who says nothing was cut off.
    if (text === "" && status !== 204) throw unavailable("error during connect: EOF");
    return decode(response.schema ?? any, text === "" ? null : parseJson(text));
  }

  async callRaw(id: OperationId, call: AnyCall = {}): Promise<string> {
    return (await this.#whole(id, call)).text;
  }

  async #whole(id: OperationId, call: AnyCall): Promise<{ text: string; status: number }> {
    const answer = await this.#request(id, call);
    const body = await reading(call, answer, () => wholeBody(answer.body, maxJson));
    this.#transport.release(answer);
    return { text: body.toString("utf8"), status: answer.status };
  }

  async callHead(id: OperationId, call: AnyCall = {}): Promise<Readonly<Record<string, string>>> {
    const answer = await this.#request(id, call);
    await reading(call, answer, () => wholeBody(answer.body, maxJson));
    this.#transport.release(answer);
    return answer.headers;
  }

  async messages(id: OperationId, call: AnyCall = {}): Promise<Streamed<unknown>> {
    const answer = await this.#request(id, call);
    const { response } = await operationOf(id);
    return streamed(answer, parseMessages(this.#bytes(answer, call), response.schema ?? any));
  }

  async stream(id: OperationId, call: AnyCall = {}): Promise<Streamed<Uint8Array>> {
    const answer = await this.#request(id, call);
    return streamed(answer, this.#bytes(answer, call));
  }

  async hijack(id: OperationId, call: AnyCall = {}): Promise<Hijacked> {
    const headers = { Connection: "Upgrade", Upgrade: "tcp", ...call.headers };
    const answer = await this.#request(id, { ...call, headers });
    const { connection } = answer.dialed;
    const isRaw = answer.status === 101 || answer.headers["content-length"] === undefined;
    return {
      ...streamed(answer, isRaw ? readAll(connection) : bodyBytes(answer.body)),
      multiplexed: answer.headers["content-type"] === "application/vnd.docker.multiplexed-stream",
      write: async (bytes) => {
        if (!(await connection.write(bytes))) throw unavailable("write: broken pipe");
      },
      closeWrite: () => connection.closeWrite(),
      close: () => connection.destroy(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport[Symbol.dispose]();
  }

  async *#bytes(answer: Answered, call: AnyCall): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const bytes = await reading(call, answer, () => answer.body.next());
        if (!bytes) break;
        yield bytes;
      }
    } finally {
      this.#transport.release(answer);
    }
  }

  /**
   * Sends a call and returns the answer, when it is no error. The first call does not ask for the daemon's version
   * before: it is sent in our own, and again in the daemon's when an older daemon refuses that.
   */
  async #request(id: OperationId, call: AnyCall): Promise<Answered> {
    const operation = await operationOf(id);
    // A body that streams can be sent only once.
    if (operation.body.kind === "stream" && call.body !== undefined) await this.negotiate();
    for (;;) {
      const version = this.#version ?? maxApiVersion;
      const answer = await this.#transport.send(this.#outgoing(id, operation, call, version), call.signal);
      const isFirst = this.#version === undefined;
      if (isFirst) this.#version = agreedVersion(answer.headers);
      if (isExpected(answer.status, operation)) return answer;
      if (answer.status < 400) {
        answer.dialed.connection.destroy();
        throw unexpectedAnswer(answer.status, `${operation.method} ${operation.path}`);
      }
      const text = await errorText(answer);
      this.#transport.release(answer);
      if (isFirst && answer.status === 400 && this.#version !== undefined && this.#version !== version)
        continue;
      throw errorOfResponse(answer.status, answer.headers["content-type"], text);
    }
  }

  #outgoing(id: OperationId, operation: Operation, call: AnyCall, version: string): OutgoingRequest {
    const headers: Record<string, string> = { ...this.#headers, ...call.headers };
    let body: OutgoingRequest["body"];
    if (operation.body.kind === "stream") body = call.body as AsyncIterable<Uint8Array> | undefined;
    else if (operation.body.kind === "json" && call.body !== undefined) {
      body = JSON.stringify(call.body);
      headers["Content-Type"] ??= "application/json";
    }
    if (body !== undefined) headers["Content-Type"] ??= "application/x-tar";
    if (call.registryAuth !== undefined) headers["X-Registry-Auth"] = encodeRegistryAuth(call.registryAuth);
    return { method: operation.method, target: targetOf(id, operation, call, version), headers, body };
  }
}

/** Only who asks for a connection of its own is given one. */
function isExpected(status: number, { response }: Operation): boolean {
  if (status === 101) return response.kind === "hijack";
  return (status >= 200 && status < 300) || status === 304;
}

/** The daemon's version or ours, whichever is older; undefined when the daemon does not tell its own. */
function agreedVersion(headers: Answered["headers"]): string | undefined {
  const theirs = headers["api-version"];
  if (theirs === undefined) return undefined;
  return compareVersions(theirs, maxApiVersion) < 0 ? theirs : maxApiVersion;
}

/** Errors of a connection that the caller's signal cut are told as that. */
async function reading<T>(call: AnyCall, answer: Answered, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    answer.dialed.connection.destroy();
    if (call.signal?.aborted) throw cancelled("context canceled", error);
    throw unavailable(`error during connect: ${messageOf(error)}`, error);
  }
}

function streamed<T>(answer: Answered, values: AsyncIterable<T>): Streamed<T> {
  return {
    status: answer.status,
    headers: answer.headers,
    [Symbol.asyncIterator]: () => values[Symbol.asyncIterator](),
  };
}

async function* readAll(connection: Connection): AsyncGenerator<Uint8Array, void> {
  try {
    for (let bytes = await connection.read(); bytes; bytes = await connection.read()) yield bytes;
  } finally {
    connection.destroy();
  }
}
