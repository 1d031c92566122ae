import type { Cli } from "./cli.ts";
import { readLine } from "./streams.ts";

/** Asks a question that `y` or `yes` answers; anything else, or the end of input, is a no. */
export function confirm(cli: Cli, question: string): boolean {
  cli.out.write(`${question} [y/N] `);
  const answer = readLine()?.trim().toLowerCase();
  return answer === "y" || answer === "yes";
}
