import type { JSONMessage, ProgressDetail } from "../api/progress.ts";
import { humanSize } from "../base/units.ts";
import { StatusError } from "./exit.ts";
import type { Output } from "./streams.ts";

/** Columns of the terminal that progress is drawn on; the bar appears from 111 on. */
type Width = number;

/** Where nobody says how wide the terminal is. */
const unknownWidth: Width = 200;

const right = (text: string) => text.padStart(8);

function counts(progress: ProgressDetail): string {
  const { current = 0, total = 0, units } = progress;
  if (progress.hidecounts) return "";
  if (units) return current > total ? `${current} ${units}` : `${current}/${total} ${units}`;
  return current > total ? right(humanSize(current)) : `${right(humanSize(current))}/${humanSize(total)}`;
}

function timeLeft(progress: ProgressDetail, half: number, width: Width, now: number): string {
  const { current = 0, total = 0, start = 0 } = progress;
  if (current <= 0 || start <= 0 || half >= 50 || width <= 50) return "";
  const left = Math.floor(((total - current) * (now / 1000 - start)) / current);
  const [h, m, s] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60), left % 60];
  return ` ${h > 0 ? `${h}h${m}m` : m > 0 ? `${m}m` : ""}${s}s`;
}

/** One step's progress as text: `[===>   ]  1.2MB/4.5MB`; empty when there are no numbers yet. */
export function progressText(progress: ProgressDetail, width: Width, now: number): string {
  const { current = 0, total = 0, units } = progress;
  if (current <= 0 && total <= 0) return "";
  if (total <= 0) return units ? `${current} ${units}` : right(humanSize(current));
  const half = Math.min(50, Math.floor(Math.floor((current / total) * 100) / 2));
  const bar = width > 110 ? `[${"=".repeat(half)}>${" ".repeat(50 - half)}] ` : "";
  return bar + counts(progress) + timeLeft(progress, half, width, now);
}

/**
 * Shows the messages of a pull, push, load or import. On a terminal each step keeps its line, which moves; elsewhere
 * only the changes of status are written. Throws what the daemon tells as an error.
 */
export class ProgressDisplay {
  readonly #out: Output;
  readonly #width: () => Width;
  /** The line of each step that is on the screen. */
  #lines = new Map<string, number>();

  /** `width` is asked for each line: terminals are resized. */
  constructor(out: Output, width: () => Width) {
    this.#out = out;
    this.#width = width;
  }

  show(message: JSONMessage): void {
    const { id = "", progressDetail } = message;
    let up = 0;
    let text = "";
    if (id !== "" && (progressDetail || message.progress)) {
      let line = this.#lines.get(id);
      if (line === undefined) {
        line = this.#lines.size;
        this.#lines.set(id, line);
        if (this.#out.isTerminal) text += "\n";
      }
      up = this.#lines.size - line;
      if (this.#out.isTerminal) text += `\x1b[${up}A`;
    } else {
      this.#lines = new Map();
    }
    const error = message.errorDetail?.message ?? message.error;
    if (error === undefined) text += this.#line(message);
    if (id !== "" && this.#out.isTerminal) text += up > 0 ? `\x1b[${up}B` : "";
    if (text !== "") this.#out.write(text);
    // The code of a build is that of the step that failed.
    if (error !== undefined) throw new StatusError(message.errorDetail?.code || 1, error);
  }

  #line(message: JSONMessage): string {
    const { progressDetail, status = "", stream = "", id = "" } = message;
    const width = this.#width();
    const drawn = progressDetail ? progressText(progressDetail, width, Date.now()) : "";
    const moves = this.#out.isTerminal && stream === "" && progressDetail !== undefined;
    if (!moves && drawn !== "") return "";
    const head = id === "" ? "" : `${id}: `;
    // One that went on in the next line would leave a part of itself there.
    if (moves) return `\x1b[2K\r${`${head}${status} ${drawn}`.slice(0, width)}\r`;
    if (message.progress) return `${head}${status} ${message.progress}`;
    return stream === "" ? `${head}${status}\n` : head + stream;
  }
}

/** Shows all messages; `onAux` gets the results that are not for people. */
export async function displayMessages(
  messages: AsyncIterable<JSONMessage>,
  out: Output,
  onAux: (aux: unknown) => void = () => {},
): Promise<void> {
  let width = () => unknownWidth;
  if (out.isTerminal) {
    const { terminalSize } = await import("../linux/terminal.ts");
    width = () => terminalSize(out.fd)?.columns || unknownWidth;
  }
  const display = new ProgressDisplay(out, width);
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) onAux(message.aux);
    else display.show(message);
  }
}

/** An output that drops everything, for `--quiet`. */
export const nowhere: Output = { fd: -1, isTerminal: false, write: () => {} };
