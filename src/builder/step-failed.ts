import { EngineError } from "../base/errors.ts";
import { binarySize } from "../base/units.ts";

/** What is said before the reason, whether the process was started or not. */
export const unfinished = (words: readonly string[]): string =>
  `process ${JSON.stringify(words.join(" "))} did not complete successfully`;

/** A step's process ended with a code that is not 0. */
export class StepFailed extends EngineError {
  readonly command: string;
  readonly exitCode: number;
  /** What ended it, to be put after the code; "" where it ended by itself. */
  readonly reason: string;

  /** `memory`: the limit that the step had, in bytes; 0 for none. */
  constructor(words: readonly string[], exitCode: number, outOfMemory: boolean, memory = 0) {
    const limit = memory > 0 ? ` (the limit is ${binarySize(memory)})` : "";
    const why = outOfMemory ? `: killed, out of memory${limit}` : "";
    super("invalidArgument", `${unfinished(words)}: exit code: ${exitCode}${why}`);
    this.name = "StepFailed";
    this.command = words.join(" ");
    this.exitCode = exitCode;
    this.reason = why;
  }
}
