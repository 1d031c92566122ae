import type { StatusResponse } from "../../../api/buildkit/control.ts";
import { humanSize } from "../../../base/units.ts";
import { millis } from "./display.ts";

/** A line below a step: `transferring context:`, `2.1MB`. */
export interface Line {
  name: string;
  /** How much of it is done; empty where that is not known. */
  amount: string;
  /** Milliseconds since 1970. */
  started: number;
  completed: number | undefined;
}

/** A step, with all that was told of it so far. */
export interface Step {
  /** From 1, in the order in which they began. */
  number: number;
  name: string;
  started: number | undefined;
  completed: number | undefined;
  cached: boolean;
  cancelled: boolean;
  error: string;
  lines: Map<string, Line>;
  /** The last lines of its output; what is not ended yet is the last. */
  output: string[];
}

/** What of a step's output is kept for the end, in lines. */
const keptLines = 60;

/** What a build has told, by step. */
export class Steps {
  readonly all: Step[] = [];
  readonly #byDigest = new Map<string, Step>();

  of(digest: string): Step | undefined {
    return this.#byDigest.get(digest);
  }

  /** Takes what has happened. */
  take({ vertexes, statuses, logs }: StatusResponse): void {
    for (const { digest, name, started, completed, cached, error } of vertexes) {
      const step = this.#byDigest.get(digest) ?? this.#add(digest, name);
      if (started !== undefined) step.started = millis(started);
      step.completed = completed === undefined ? undefined : millis(completed);
      step.cached = cached;
      step.error = error;
    }
    for (const { vertex, ID, current, total, started, completed } of statuses) {
      const amount = current === 0 ? "" : `${humanSize(current)}${total > 0 ? ` / ${humanSize(total)}` : ""}`;
      this.of(vertex)?.lines.set(ID, {
        name: ID,
        amount,
        started: started === undefined ? 0 : millis(started),
        completed: completed === undefined ? undefined : millis(completed),
      });
    }
    for (const { vertex, msg } of logs) {
      const step = this.of(vertex);
      if (step !== undefined) append(step.output, Buffer.from(msg).toString("utf8"));
    }
  }

  /** The build was cancelled: what ran then ended with it. Returns those. */
  cancel(): Step[] {
    const running = this.all.filter(
      ({ started, completed }) => started !== undefined && completed === undefined,
    );
    for (const step of running) Object.assign(step, { completed: Date.now(), cancelled: true });
    return running;
  }

  #add(digest: string, name: string): Step {
    const step: Step = {
      number: this.all.length + 1,
      name: name.replaceAll(/\s*\n\s*/g, " "),
      started: undefined,
      completed: undefined,
      cached: false,
      cancelled: false,
      error: "",
      lines: new Map(),
      output: [],
    };
    this.all.push(step);
    this.#byDigest.set(digest, step);
    return step;
  }
}

function append(output: string[], text: string): void {
  const [first = "", ...rest] = text.split("\n");
  output.push((output.pop() ?? "") + first, ...rest);
  if (output.length > keptLines) output.splice(0, output.length - keptLines);
}

/** The end of the output of what failed, as it is shown once more at the end. */
export function failureText(steps: Steps): string {
  const failed = steps.all.filter(({ error, output }) => error !== "" && output.length > 0);
  return failed
    .map(({ name, output }) => {
      const lines = output.at(-1) === "" ? output.slice(0, -1) : output;
      return ["------", ` > ${name}:`, ...lines.slice(-10), "------", ""].join("\n");
    })
    .join("");
}
