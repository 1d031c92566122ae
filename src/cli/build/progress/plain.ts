import type { StatusResponse } from "../../../api/buildkit/control.ts";
import type { Output } from "../../streams.ts";
import type { Display, Outcome } from "./display.ts";
import {
  failureText,
  longestLine,
  outputLine,
  type Step,
  Steps,
  type Written,
  warningsText,
} from "./steps.ts";

/** Line after line, each with the number of its step: `#4 0.052 hello`. */
export class PlainDisplay implements Display {
  readonly #out: Output;
  readonly #steps = new Steps();
  readonly #named = new Set<Step>();
  readonly #ended = new Set<Step>();
  /** By step: the end of its output that is no whole line yet. */
  readonly #partial = new Map<Step, string>();
  readonly #warnings: string[] = [];
  #current: Step | undefined;
  #text: string[] = [];

  constructor(out: Output) {
    this.#out = out;
  }

  /** Gathered until all of a message is shown: a loud step has thousands of lines in each. */
  #write(text: string): void {
    this.#text.push(text);
  }

  #flush(): void {
    this.#out.write(this.#text.join(""));
    this.#text = [];
  }

  show(status: StatusResponse): void {
    const written = this.#steps.take(status);
    const told = new Set([
      ...status.vertexes.map(({ digest }) => digest),
      ...status.statuses.map(({ vertex }) => vertex),
      ...status.logs.map(({ vertex }) => vertex),
    ]);
    for (const digest of told) this.#showStep(digest, status, written);
    for (const { short } of status.warnings) this.#warnings.push(Buffer.from(short).toString("utf8"));
    this.#flush();
  }

  /** What is new of one step, so that it stands together. */
  #showStep(digest: string, { statuses }: StatusResponse, written: readonly Written[]): void {
    const step = this.#steps.of(digest);
    if (step?.started === undefined) return;
    if (!this.#named.has(step)) this.#turnTo(step);
    for (const { vertex, ID, completed } of statuses) {
      const line = step.lines.get(ID);
      if (vertex !== digest || line === undefined || completed === undefined) continue;
      this.#line(
        step,
        `${[line.name, line.amount].join(" ").trimEnd()}${seconds(line.started, line.completed)} done`,
      );
    }
    for (const one of written) if (one.step === step) this.#output(one);
    if (step.completed !== undefined && !this.#ended.has(step)) this.#end(step);
  }

  end(outcome: Outcome): void {
    if (outcome === "cancelled") for (const step of this.#steps.cancel()) this.#end(step);
    if (outcome === "failed") this.#write(failureText(this.#steps));
    this.#write(warningsText(this.#warnings));
    this.#flush();
  }

  #turnTo(step: Step): void {
    if (this.#current === step) return;
    if (this.#current !== undefined) {
      this.#write(this.#ended.has(this.#current) ? "\n" : `#${this.#current.number} ...\n\n`);
    }
    this.#current = step;
    this.#named.add(step);
    this.#write(`#${step.number} ${step.name}\n`);
  }

  #line(step: Step, text: string): void {
    this.#turnTo(step);
    this.#write(`#${step.number} ${text}\n`);
  }

  #output({ step, text, at }: Written): void {
    const lines = ((this.#partial.get(step) ?? "") + text).split("\n");
    const rest = lines.pop() ?? "";
    // What never ends its line is shown all the same, and not gathered.
    const isLong = rest.length >= longestLine;
    this.#partial.set(step, isLong ? "" : rest);
    for (const line of isLong ? [...lines, rest] : lines) this.#line(step, outputLine({ text: line, at }));
  }

  #end(step: Step): void {
    const rest = this.#partial.get(step);
    if (rest) this.#output({ step, text: "\n", at: (step.completed ?? 0) - (step.started ?? 0) });
    this.#ended.add(step);
    if (step.cancelled) this.#line(step, "CANCELED");
    else if (step.error !== "") this.#line(step, `ERROR: ${step.error}`);
    else if (step.cached) this.#line(step, "CACHED");
    else this.#line(step, `DONE ${(((step.completed ?? 0) - (step.started ?? 0)) / 1000).toFixed(1)}s`);
  }
}

function seconds(started: number, completed: number | undefined): string {
  const taken = completed === undefined ? 0 : completed - started;
  return taken < 50 ? "" : ` ${(taken / 1000).toFixed(1)}s`;
}
