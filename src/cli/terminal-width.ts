import { WriteStream } from "node:tty";
import { inputIsTerminal } from "./streams.ts";

/** Columns of the terminal on standard input, or 80. */
export function terminalWidth(): number {
  if (!inputIsTerminal()) return 80;
  return new WriteStream(0).columns || 80;
}
