import type { JSONMessage } from "../../api/progress.ts";
import { messageOf } from "../../base/errors.ts";
import type { BuildProgress, BuildWarning, LogStream, Vertex, VertexEnd } from "../../builder/progress.ts";

/** What a step that is not at its turn may keep of its output. Bytes. */
const maxKept = 2 * 1024 * 1024;

interface Step {
  kept: JSONMessage[];
  bytes: number;
  ended: boolean;
  failure?: unknown;
}

/**
 * The stream of messages of `POST /build`, as Docker's classic builder writes it: `Step 2/5 : RUN make`, the output,
 * ` ---> 3f2a…`. Stages are built side by side, and told in the order of the file: a step that is ahead of its turn is
 * kept until then.
 */
export class ClassicProgress implements BuildProgress {
  readonly #send: (message: JSONMessage) => Promise<void>;
  readonly #total: () => number;
  readonly #steps = new Map<number, Step>();
  #turn = 1;

  /** `total`: how many steps there are, once the plan is known. */
  constructor(send: (message: JSONMessage) => Promise<void>, total: () => number) {
    this.#send = send;
    this.#total = total;
  }

  begin(vertex: Vertex): void {
    const { step } = vertex;
    if (step === undefined) return;
    this.#steps.set(step.index, { kept: [], bytes: 0, ended: false });
    void this.#tell(vertex, { stream: `Step ${step.index}/${this.#total()} : ${step.instruction.text}\n` });
  }

  log(vertex: Vertex, _stream: LogStream, data: Uint8Array): Promise<void> {
    return this.#tell(vertex, { stream: Buffer.from(data).toString("utf8") }, data.length);
  }

  pulling(vertex: Vertex, message: JSONMessage): void {
    void this.#tell(vertex, message);
  }

  end(vertex: Vertex, { cached, error, result }: VertexEnd): void {
    if (error === undefined) {
      if (cached) void this.#tell(vertex, { stream: " ---> Using cache\n" });
      if (result !== undefined) void this.#tell(vertex, { stream: ` ---> ${result}\n` });
    }
    const step = vertex.step && this.#steps.get(vertex.step.index);
    if (step === undefined) return;
    step.ended = true;
    step.failure = error;
    this.#advance();
  }

  warn({ rule, message }: BuildWarning): void {
    // The classic builder carries out no checks.
    if (rule !== "") return;
    void this.#send({ stream: `[Warning] ${message}\n` });
  }

  /** Tells of what failed, with what the failed step has kept. */
  async fail(error: unknown, code: number | undefined): Promise<void> {
    for (const { failure, kept } of this.#steps.values()) {
      if (failure === error) for (const message of kept.splice(0)) await this.#send(message);
    }
    const message = messageOf(error);
    await this.#send({ errorDetail: { ...(code !== undefined && { code }), message }, error: message });
  }

  #tell(vertex: Vertex, message: JSONMessage, bytes = 0): Promise<void> {
    const index = vertex.step?.index;
    const step = index === undefined ? undefined : this.#steps.get(index);
    if (index === undefined || index === this.#turn || step === undefined) return this.#send(message);
    if (step.bytes <= maxKept) {
      step.bytes += bytes;
      const clipped = step.bytes > maxKept;
      step.kept.push(
        clipped ? { stream: `[output clipped, log limit ${maxKept / 1048576}MiB reached]\n` } : message,
      );
    }
    return Promise.resolve();
  }

  #advance(): void {
    for (;;) {
      const step = this.#steps.get(this.#turn);
      for (const message of step?.kept.splice(0) ?? []) void this.#send(message);
      if (!step?.ended || step.failure !== undefined) return;
      this.#steps.delete(this.#turn);
      this.#turn++;
    }
  }
}
