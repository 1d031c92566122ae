import { EngineError } from "../base/errors.ts";
import { binarySize } from "../base/units.ts";

/** A step's process ended with a code that is not 0. */
export class StepFailed extends EngineError {
  readonly command: string;
  readonly exitCode: number;
  /** What ended it, to be put after the code; "" where it ended by itself. */
  readonly reason: string;

  /** `memory`: the limit that the step had, in bytes; 0 for none. */
  constructor(words: readonly string[], exitCode: number, outOfMemory: boolean, memory = 0) {
    const command = words.join(" ");
    const limit = memory > 0 ? ` (the limit is ${binarySize(memory)})` : "";
    const why = outOfMemory ? `: killed, out of memory${limit}` : "";
    super(
      "invalidArgument",
      `process ${JSON.stringify(command)} did not complete successfully: exit code: ${exitCode}${why}`,
    );
    this.name = "StepFailed";
    this.command = command;
    this.exitCode = exitCode;
    this.reason = why;
  }
}
