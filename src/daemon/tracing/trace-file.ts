import { AsyncLocalStorage } from "node:async_hooks";
import { closeSync, openSync, writeSync } from "node:fs";
import { systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Tracer } from "../../base/trace.ts";

/** How long what was noted waits to be written, in milliseconds. */
const flushMillis = 200;

/** Of OpenTelemetry's numbers, those that are used (trace.proto: SpanKind, StatusCode). */
const kinds = { internal: 1, server: 2 };
const failed = 2;

interface Place {
  traceId: string;
  spanId: string;
}

/** A span in OTLP's JSON form: ids in hexadecimal, times in nanoseconds since 1970 as text. */
export interface Span extends Place {
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue: string } }[];
  status?: { code: number; message: string };
}

/** What one line of the file holds (opentelemetry.io, "OpenTelemetry Protocol File Exporter"). */
export interface TraceLine {
  resourceSpans: {
    resource: { attributes: Span["attributes"] };
    scopeSpans: { scope: { name: string }; spans: Span[] }[];
  }[];
}

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** Random hexadecimal digits: 32 for a trace, 16 for a span. */
function randomHex(digits: 16 | 32): string {
  return crypto.getRandomValues(Buffer.alloc(digits / 2)).toString("hex");
}

/** Writes spans to a file, as lines of OTLP's JSON form, which collectors of OpenTelemetry read. */
export class TraceFile implements Tracer, Disposable {
  readonly #fd: number;
  readonly #places = new AsyncLocalStorage<Place>();
  #spans: Span[] = [];
  #timer: Timer | undefined;

  /** Throws when the file cannot be made. What it held is gone. */
  constructor(path: string) {
    this.#fd = openSync(path, "w", 0o600);
  }

  span<T>(name: string, work: () => T, subject?: string): T {
    return this.#run({ name, kind: kinds.internal, parent: this.#places.getStore(), subject }, work);
  }

  request<T>(name: string, traceparent: string | undefined, work: () => T): T {
    const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent ?? "") ?? [];
    const parent = traceId && spanId ? { traceId, spanId } : undefined;
    // The route as people write it, without the patterns of its parameters.
    return this.#run({ name: name.replace(/:[^}]*\}/g, "}"), kind: kinds.server, parent }, work);
  }

  since(name: string, begun: string, subject?: string): void {
    const parent = this.#places.getStore();
    const step: Step = { name, kind: kinds.internal, parent, subject };
    this.#add({ ...step, place: this.#place(parent), begun: BigInt(begun), ended: systemClock.nowNanos() });
  }

  #place(parent: Place | undefined): Place {
    return { traceId: parent?.traceId ?? randomHex(32), spanId: randomHex(16) };
  }

  #run<T>(step: Step, work: () => T): T {
    const place = this.#place(step.parent);
    const begun = systemClock.nowNanos();
    const end = (error?: unknown) =>
      this.#add({ ...step, place, begun, ended: systemClock.nowNanos(), error });
    try {
      const result = this.#places.run(place, work);
      if (!(result instanceof Promise)) end();
      // Not what is returned: whoever waits for it must not wait one turn longer.
      else result.then(() => end(), end);
      return result;
    } catch (error) {
      end(error);
      throw error;
    }
  }

  #add({ name, kind, parent, subject, place, begun, ended, error }: Ended): void {
    this.#spans.push({
      ...place,
      ...(parent && { parentSpanId: parent.spanId }),
      name,
      kind,
      startTimeUnixNano: String(begun),
      endTimeUnixNano: String(ended),
      attributes: subject === undefined ? [] : [attribute("container.id", subject)],
      ...(error !== undefined && { status: { code: failed, message: messageOf(error) } }),
    });
    this.#timer ??= setTimeout(() => this.#flush(), flushMillis);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#spans.length === 0) return;
    const line: TraceLine = {
      resourceSpans: [
        {
          resource: { attributes: [attribute("service.name", "dockerd")] },
          scopeSpans: [{ scope: { name: "longshore" }, spans: this.#spans }],
        },
      ],
    };
    this.#spans = [];
    writeSync(this.#fd, `${JSON.stringify(line)}\n`);
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#fd);
  }
}

interface Step {
  name: string;
  kind: number;
  parent: Place | undefined;
  subject?: string | undefined;
}

interface Ended extends Step {
  place: Place;
  begun: bigint;
  ended: bigint;
  error?: unknown;
}
