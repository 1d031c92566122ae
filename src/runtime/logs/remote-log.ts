import type { Clock } from "../../base/clock.ts";
import type { LogDriver, LogStream } from "./log-driver.ts";
import { type LogMessage, MessageSplitter } from "./messages.ts";
import type { Delivery } from "./options.ts";

/** Takes messages to where they are logged. */
export interface LogTransport {
  /** Connects. Rejects, in Docker's words, when that cannot be done. */
  open(): Promise<void>;
  /** Sends messages one after another; connects again where that is needed. Rejects when they cannot be sent. */
  send(messages: readonly Buffer[]): Promise<void>;
  close(): void;
}

export interface RemoteLogOptions {
  transport: LogTransport;
  /** A message as the transport sends it; undefined when there is nothing to send. A copy. */
  encode: (message: LogMessage) => Buffer | undefined;
  delivery: Delivery;
  /** What `docker logs` reads. */
  cache: LogDriver | undefined;
  clock: Clock;
  onUnblocked: () => void;
  onFailure: (error: unknown) => void;
}

/** How long what waits is still sent after the container has ended. Milliseconds. */
const closingPatience = 10_000;
/** How much is sent at once. Bytes. */
const batchSize = 256 * 1024;

/** A driver that sends each line away, and keeps it for `docker logs`. */
export class RemoteLog implements LogDriver {
  #options: RemoteLogOptions;
  #streams: Record<LogStream, MessageSplitter>;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #sending = false;
  #failed = false;
  #closing = false;

  constructor(options: RemoteLogOptions) {
    this.#options = options;
    const splitter = (stream: LogStream) =>
      new MessageSplitter(stream, options.clock, (message) => this.#take(message));
    this.#streams = { stdout: splitter("stdout"), stderr: splitter("stderr") };
  }

  ready(): Promise<void> {
    return this.#options.transport.open();
  }

  write(stream: LogStream, chunk: Uint8Array): void {
    this.#options.cache?.write(stream, chunk);
    this.#streams[stream].write(chunk);
    void this.#send();
  }

  end(stream: LogStream): void {
    this.#options.cache?.end(stream);
    this.#streams[stream].end();
    void this.#send();
  }

  get isFull(): boolean {
    const { nonBlocking, bufferSize } = this.#options.delivery;
    return !nonBlocking && this.#waitingBytes >= bufferSize;
  }

  snapshot(): ReturnType<LogDriver["snapshot"]> {
    return this.#options.cache?.snapshot();
  }

  #take(message: LogMessage): void {
    const bytes = this.#options.encode(message);
    if (!bytes) return;
    const { nonBlocking, bufferSize } = this.#options.delivery;
    // As in Docker, what comes last is what is lost.
    if (nonBlocking && this.#waiting.length > 0 && this.#waitingBytes + bytes.length > bufferSize) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const wasFull = this.isFull;
      const batch = this.#nextBatch();
      try {
        await this.#options.transport.send(batch);
        this.#failed = false;
      } catch (error) {
        // They are lost; the container goes on, and the next ones may arrive.
        if (!this.#failed) this.#options.onFailure(error);
        this.#failed = true;
      }
      this.#waitingBytes -= sizeOf(batch);
      if (wasFull && !this.isFull) this.#options.onUnblocked();
    }
    this.#sending = false;
    if (this.#closing) this.#options.transport.close();
  }

  #nextBatch(): Buffer[] {
    let size = 0;
    const end = this.#waiting.findIndex((message) => {
      size += message.length;
      return size > batchSize;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : Math.max(1, end));
  }

  /** What waits is sent in the background. */
  close(): void {
    this.#options.cache?.close();
    this.#closing = true;
    if (!this.#sending) this.#options.transport.close();
    else setTimeout(() => this.#options.transport.close(), closingPatience).unref();
  }
}

const sizeOf = (messages: readonly Buffer[]) => messages.reduce((sum, { length }) => sum + length, 0);
