import { createHash } from "node:crypto";
import type { StatusResponse, Timestamp } from "../../api/buildkit/control.ts";
import type { JSONMessage } from "../../api/progress.ts";
import { messageOf } from "../../base/errors.ts";
import type { BuildProgress, BuildWarning, LogStream, Vertex, VertexEnd } from "../../builder/progress.ts";
import { DockerfileError, type LineRange } from "../../dockerfile/errors.ts";

/** Takes what has happened since the last call; resolves when more can be taken. */
export type StatusSink = (status: Partial<StatusResponse>) => Promise<void>;

/** What one message carries of output at most, and how long what is said is gathered. Bytes, milliseconds. */
const maxGathered = 64 * 1024;
/** Each warning brings the whole Dockerfile, for clients to show its lines: as long as that is not too much. Bytes. */
const maxSources = 4 * 1024 * 1024;
const gatherTime = 20;

/** A Dockerfile as a client shows it. */
export interface SourceFile {
  filename: string;
  data: Uint8Array;
}

interface Shown {
  digest: string;
  name: string;
  inputs: string[];
  started: Timestamp;
}

/** How a build goes, in BuildKit's terms: vertices that begin and end, their status lines and their output. */
export class StatusProgress implements BuildProgress {
  readonly #sink: StatusSink;
  #source: SourceFile | undefined;
  readonly #failures = new Map<unknown, LineRange>();
  /** So that two builds of one Dockerfile are told apart. */
  readonly #salt = crypto.randomUUID();
  readonly #digests = new Map<string, string>();
  readonly #shown = new Map<string, Shown>();
  #pending: Gathered = nothing();
  #bytes = 0;
  /** What went with warnings so far. */
  #sources = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  /** When each status line of a vertex began. */
  readonly #lines = new Map<string, Timestamp>();

  constructor(sink: StatusSink) {
    this.#sink = sink;
  }

  /** The Dockerfile, once it is known: warnings show its lines. */
  source(source: SourceFile): void {
    this.#source = source;
  }

  /** The lines of the Dockerfile that an error is about. */
  placeOf(error: unknown): { source: SourceFile; range: LineRange } | undefined {
    const range = error instanceof DockerfileError ? error.range : undefined;
    const found = range ?? this.#failures.get(error);
    return this.#source && found && { source: this.#source, range: found };
  }

  begin(vertex: Vertex): void {
    if (!vertex.visible) return;
    const shown: Shown = {
      digest: this.#digest(vertex.id),
      name: vertex.name,
      inputs: vertex.inputs.filter((id) => this.#shown.has(id)).map((id) => this.#digest(id)),
      started: now(),
    };
    this.#shown.set(vertex.id, shown);
    this.#pending.vertexes.push({ ...zero, ...shown });
    this.#soon();
  }

  log({ id }: Vertex, stream: LogStream, data: Uint8Array): Promise<void> | void {
    const msg = Buffer.from(data);
    this.#pending.logs.push({
      vertex: this.#digest(id),
      timestamp: now(),
      stream: stream === "stderr" ? 2 : 1,
      msg,
    });
    this.#bytes += msg.length;
    if (this.#bytes >= maxGathered) return this.flush();
    this.#soon();
  }

  pulling(vertex: Vertex, { id, status, progressDetail }: JSONMessage): void {
    if (id === undefined || status === undefined) return;
    const isDone = status === "Pull complete" || status === "Already exists";
    if (!isDone && status !== "Downloading" && status !== "Extracting") return;
    const { current = 0, total = 0 } = progressDetail ?? {};
    const verb = status === "Extracting" ? "extracting" : "";
    this.status(vertex.id, verb === "" ? id : `${verb} ${id}`, { current, total, isDone });
  }

  /** A line below a vertex: `transferring context: 2.1MB`. */
  status(
    vertexId: string,
    line: string,
    { current = 0, total = 0, isDone }: { current?: number; total?: number; isDone: boolean },
  ): void {
    const vertex = this.#digest(vertexId);
    const key = `${vertex} ${line}`;
    const started = this.#lines.get(key) ?? now();
    this.#lines.set(key, started);
    const completed = isDone ? now() : undefined;
    const said = { ID: line, vertex, name: "", current, total, timestamp: now(), started, completed };
    // Only the last of those that were not sent yet matters.
    const before = this.#pending.statuses.findIndex((one) => one.ID === line && one.vertex === vertex);
    if (before >= 0) this.#pending.statuses[before] = said;
    else this.#pending.statuses.push(said);
    this.#soon();
  }

  end({ id, step }: Vertex, { cached = false, error }: VertexEnd): void {
    if (error !== undefined && step !== undefined) this.#failures.set(error, step.instruction.range);
    const shown = this.#shown.get(id);
    if (shown === undefined) return;
    const failure = error === undefined ? "" : messageOf(error);
    // What was found took no time. Another time to begin would be another interval to clients, and the first one open.
    const completed = cached ? shown.started : now();
    this.#pending.vertexes.push({ ...shown, cached, error: failure, completed });
    this.#soon();
  }

  warn({ rule, description, url, message, line }: BuildWarning): void {
    const source = this.#sources < maxSources ? this.#source : undefined;
    const size = source?.data.length ?? 0;
    this.#sources += size;
    const range = { start: { line, character: 0 }, end: { line, character: 0 } };
    this.#pending.warnings.push({
      vertex: [...this.#shown.values()].at(0)?.digest ?? "",
      level: 1,
      short: Buffer.from(rule === "" ? message : `${rule}: ${message} (line ${line})`),
      detail: description === "" ? [] : [Buffer.from(description)],
      url,
      info: source && { ...source, language: "Dockerfile" },
      ranges: line > 0 ? [range] : [],
    });
    this.#bytes += size;
    if (this.#bytes >= maxGathered) void this.flush();
    else this.#soon();
  }

  /** Carries out what takes time, as a vertex that is no step. `id` tells it from others of that name. */
  async task<T>(name: string, work: (id: string) => Promise<T>, id = name): Promise<T> {
    const vertex: Vertex = { id: `internal:${id}`, name, visible: true, inputs: [] };
    this.begin(vertex);
    try {
      const result = await work(vertex.id);
      this.end(vertex, {});
      return result;
    } catch (error) {
      this.end(vertex, { error });
      throw error;
    }
  }

  /** Sends what was said so far; resolves when it is taken. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const said = this.#pending;
    if (Object.values(said).every((list) => list.length === 0)) return this.#sending;
    this.#pending = nothing();
    this.#bytes = 0;
    this.#sending = this.#sending.then(() => this.#sink(said));
    return this.#sending;
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => void this.flush(), gatherTime);
  }

  #digest(id: string): string {
    const known = this.#digests.get(id);
    if (known !== undefined) return known;
    const digest = `sha256:${createHash("sha256").update(`${this.#salt} ${id}`).digest("hex")}`;
    this.#digests.set(id, digest);
    return digest;
  }
}

type Gathered = Pick<StatusResponse, "vertexes" | "statuses" | "logs" | "warnings">;
const nothing = (): Gathered => ({ vertexes: [], statuses: [], logs: [], warnings: [] });
const zero = { cached: false, error: "", started: undefined, completed: undefined };

function now(): Timestamp {
  const millis = performance.timeOrigin + performance.now();
  const seconds = Math.floor(millis / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((millis - seconds * 1000) * 1e6) };
}
