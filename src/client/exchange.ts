import { type BodyReader, bodyOf, chunkOf, emptyBody, lastChunk, wholeBody } from "../api/http1/body.ts";
import type { Connection } from "../api/http1/connection.ts";
import { type Headers, listsWord, readHead } from "../api/http1/head.ts";
import { isEngineError, unavailable } from "../base/errors.ts";

/** A body that streams. One that says its `length`, in bytes, is sent without chunks, which saves copying it. */
export type StreamedBody = AsyncIterable<Uint8Array> & { readonly length?: number };

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | StreamedBody | undefined;
}

export interface IncomingResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: BodyReader;
  /** The connection can carry another request, once the body is read. */
  readonly reusable: boolean;
}

/** The connection ended before anything was answered: a kept connection that the daemon had closed. */
export class NoAnswer extends Error {}

/** The most of an error's body that is read. */
const maxErrorBody = 1024 * 1024;

function headOf(request: OutgoingRequest): string {
  let text = `${request.method} ${request.target} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries(request.headers)) {
    text += `${name}: ${value.replace(/[\r\n]+/g, " ")}\r\n`;
  }
  if (typeof request.body === "string") text += `Content-Length: ${Buffer.byteLength(request.body)}\r\n`;
  else if (request.body?.length !== undefined) text += `Content-Length: ${request.body.length}\r\n`;
  else if (request.body) text += "Transfer-Encoding: chunked\r\n";
  else if (request.method !== "GET" && request.method !== "HEAD") text += "Content-Length: 0\r\n";
  return `${text}\r\n`;
}

/** Sends a request and reads the head of the answer. A body that streams is sent while the answer is awaited. */
export async function exchange(connection: Connection, request: OutgoingRequest): Promise<IncomingResponse> {
  const head = headOf(request);
  let sent = true;
  if (typeof request.body === "object") {
    void connection.write(head);
    sent = false;
    void sendBody(connection, request.body).then(() => {
      sent = true;
    });
  } else {
    void connection.write(head + (request.body ?? ""));
  }
  for (;;) {
    const answer = await readHead(connection);
    if (!answer) throw new NoAnswer(connection.failure ?? "EOF");
    const [, version, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(answer.start) ?? [];
    if (code === undefined) throw unavailable("error during connect: malformed HTTP response");
    const status = Number(code);
    // What comes before the answer itself; 101 is one.
    if (status >= 100 && status < 200 && status !== 101) continue;
    const { headers } = answer;
    const bare = request.method === "HEAD" || status === 101 || status === 204 || status === 304;
    return {
      status,
      headers,
      body: bare ? emptyBody : bodyOf(connection, headers, true),
      get reusable() {
        return sent && version === "1" && status !== 101 && !listsWord(headers.connection, "close");
      },
    };
  }
}

/** A source that fails cuts the connection, so that the daemon never takes a part for the whole. */
async function sendBody(connection: Connection, body: StreamedBody): Promise<void> {
  const { length } = body;
  let sent = 0;
  try {
    for await (const bytes of body) {
      if (!(await connection.write(length === undefined ? chunkOf(bytes) : bytes))) return;
      sent += bytes.length;
    }
    if (length === undefined) await connection.write(lastChunk);
    else if (sent !== length) throw new Error(`${sent} bytes came in place of ${length}`);
  } catch (error) {
    connection.failure = error instanceof Error ? error.message : String(error);
    connection.destroy();
  }
}

/** The body of an error's answer, as far as it can be had. */
export async function errorText(response: IncomingResponse): Promise<string> {
  try {
    return (await wholeBody(response.body, maxErrorBody)).toString("utf8");
  } catch (error) {
    if (isEngineError(error)) return "";
    throw error;
  }
}
