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
  output: OutputLine[];
}

interface OutputLine {
  text: string;
  /** Milliseconds since the step began. */
  at: number;
}

/** What a step has written, as text. */
export interface Written extends OutputLine {
  step: Step;
}

/** What of a step's output is kept for the end, in lines. */
const keptLines = 60;

/** A line is kept to this length at most; some write a gigabyte without a line's end. Characters. */
export const longestLine = 64 * 1024;

/** What a build has told, by step. */
export class Steps {
  readonly all: Step[] = [];
  readonly #byDigest = new Map<string, Step>();
  /** By step and stream: a character may come in two parts. */
  readonly #decoders = new Map<string, TextDecoder>();

  of(digest: string): Step | undefined {
    return this.#byDigest.get(digest);
  }

  /** Takes what has happened; returns what was written. */
  take({ vertexes, statuses, logs }: StatusResponse): Written[] {
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
    return logs.flatMap((log) => this.#write(log));
  }

  #write({ vertex, stream, msg, timestamp }: StatusResponse["logs"][number]): Written[] {
    const step = this.of(vertex);
    if (step?.started === undefined) return [];
    const key = `${vertex} ${stream}`;
    const decoder = this.#decoders.get(key) ?? new TextDecoder();
    this.#decoders.set(key, decoder);
    const text = decoder.decode(msg, { stream: true });
    const at = timestamp === undefined ? 0 : Math.max(0, millis(timestamp) - step.started);
    append(step.output, text, at);
    return [{ step, text, at }];
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

function append(output: OutputLine[], text: string, at: number): void {
  const [first = "", ...rest] = text.split("\n");
  const begun = (output.pop()?.text ?? "") + first;
  output.push({ text: begun.slice(-longestLine), at });
  for (const line of rest.slice(-keptLines)) output.push({ text: line.slice(-longestLine), at });
  if (output.length > keptLines) output.splice(0, output.length - keptLines);
}

/** The end of the output of what failed, as it is shown once more at the end. */
export function failureText(steps: Steps): string {
  return steps.all
    .filter(({ error }) => error !== "")
    .map(({ name, output }) => {
      const lines = (output.at(-1)?.text === "" ? output.slice(0, -1) : output).slice(-10);
      return ["------", ` > ${name}:`, ...lines.map(outputLine), "------", ""].join("\n");
    })
    .join("");
}

/** A line of output with the time at which it came. */
export function outputLine({ text, at }: OutputLine): string {
  return `${(at / 1000).toFixed(3)} ${text.replace(/\r$/, "")}`;
}

/** What the build checks have found, as it is told at the end; "" where that is nothing. */
export function warningsText(warnings: readonly string[]): string {
  const count = warnings.length;
  if (count === 0) return "";
  const list = warnings.map((text) => ` - ${text}\n`).join("");
  const found = `${count} warning${count === 1 ? "" : "s"} found (use docker --debug to expand):`;
  return `\n \x1b[33m${found}\n\x1b[0m${list}`;
}
