import { EngineError } from "../base/errors.ts";

/** A step's process ended with a code that is not 0. */
export class StepFailed extends EngineError {
  readonly command: string;
  readonly exitCode: number;
  readonly outOfMemory: boolean;

  constructor(words: readonly string[], exitCode: number, outOfMemory: boolean) {
    const command = words.join(" ");
    const why = outOfMemory ? ": killed, out of memory" : "";
    super(
      "invalidArgument",
      `process ${JSON.stringify(command)} did not complete successfully: exit code: ${exitCode}${why}`,
    );
    this.name = "StepFailed";
    this.command = command;
    this.exitCode = exitCode;
    this.outOfMemory = outOfMemory;
  }
}
