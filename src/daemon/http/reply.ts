import { chunkOf, lastChunk } from "../../api/http1/body.ts";
import type { Connection } from "../../api/http1/connection.ts";
import { phraseOf } from "./status.ts";

let dateSecond = 0;
let dateText = "";
function httpDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}

/** What of the request decides how an answer is framed. */
export interface Framing {
  readonly http10: boolean;
  readonly isHead: boolean;
  /** The connection is closed after the answer. */
  close: boolean;
}

/** Writes one answer: status, headers, and a body that is whole or in chunks. */
export class ReplyWriter {
  readonly #connection: Connection;
  readonly #framing: Framing;
  readonly #headers = new Map<string, [name: string, value: string]>();
  #status = 200;
  #begun = false;

  constructor(connection: Connection, framing: Framing) {
    this.#connection = connection;
    this.#framing = framing;
  }

  /** True when status and headers are on their way. */
  get begun(): boolean {
    return this.#begun;
  }

  status(code: number): void {
    this.#status = code;
  }

  header(name: string, value: string): void {
    this.#headers.set(name.toLowerCase(), [name, value.replace(/[\r\n]+/g, " ")]);
  }

  /** The header lines that were set, as text. */
  headerLines(): string {
    let lines = "";
    for (const [name, value] of this.#headers.values()) lines += `${name}: ${value}\r\n`;
    return lines;
  }

  #head(framingLine: string): string {
    this.#begun = true;
    const close = this.#framing.close ? "Connection: close\r\n" : "";
    const line = `HTTP/1.1 ${this.#status} ${phraseOf(this.#status)}\r\n`;
    return `${line}${this.headerLines()}Date: ${httpDate()}\r\n${close}${framingLine}\r\n`;
  }

  /** The whole answer at once. */
  async whole(body: string): Promise<void> {
    const bare = this.#status === 204 || this.#status === 304;
    if (bare) this.#headers.delete("content-type");
    const length = bare ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    await this.#connection.write(this.#head(length) + (bare || this.#framing.isHead ? "" : body));
  }

  /** Sends status and headers of an answer whose body follows by `chunk`. Does nothing the second time. */
  begin(): void {
    if (this.#begun) return;
    // A client of HTTP/1.0 knows no chunks: its body ends with the connection.
    if (this.#framing.http10) this.#framing.close = true;
    void this.#connection.write(this.#head(this.#framing.http10 ? "" : "Transfer-Encoding: chunked\r\n"));
  }

  /** Resolves when the client can take more; false when it is gone. */
  chunk(bytes: Uint8Array): Promise<boolean> {
    this.begin();
    if (this.#framing.isHead) return Promise.resolve(true);
    return this.#connection.write(this.#framing.http10 ? bytes : chunkOf(bytes));
  }

  /** Ends a body of chunks. */
  async finish(): Promise<void> {
    this.begin();
    if (!this.#framing.http10 && !this.#framing.isHead) await this.#connection.write(lastChunk);
  }
}
