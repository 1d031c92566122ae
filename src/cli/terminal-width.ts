import { isatty, WriteStream } from "node:tty";

/** Columns of the terminal on standard input, or 80. */
export function terminalWidth(): number {
  if (!isatty(0)) return 80;
  return new WriteStream(0).columns || 80;
}
