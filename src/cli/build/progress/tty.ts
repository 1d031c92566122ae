import type { StatusResponse } from "../../../api/buildkit/control.ts";
import { terminalSize } from "../../../linux/terminal.ts";
import type { Output } from "../../streams.ts";
import type { Display, Outcome } from "./display.ts";
import { failureText, type Step, Steps, warningsText } from "./steps.ts";

/** How often the times move. Milliseconds. */
const pace = 100;
/** How many of the last lines of a step that runs are shown. */
const outputLines = 6;

const colours = {
  done: "\x1b[34m",
  failed: "\x1b[31m",
  cancelled: "\x1b[33m",
  off: "\x1b[0m",
  faint: "\x1b[2m",
};

/** On a terminal: a line for each step, with times that move, and the last lines of what runs. */
export class TtyDisplay implements Display {
  readonly #out: Output;
  readonly #builder: string;
  readonly #steps = new Steps();
  readonly #begun = Date.now();
  readonly #warnings: string[] = [];
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;

  constructor(out: Output, builder: string) {
    this.#out = out;
    this.#builder = builder;
    this.#timer = setInterval(() => this.#draw(false), pace);
    out.write("\x1b[?25l");
  }

  show(status: StatusResponse): void {
    this.#steps.take(status);
    for (const { short } of status.warnings) this.#warnings.push(Buffer.from(short).toString("utf8"));
  }

  end(outcome: Outcome): void {
    clearInterval(this.#timer);
    if (outcome === "cancelled") this.#steps.cancel();
    this.#draw(true);
    const failure = outcome === "failed" ? failureText(this.#steps) : "";
    this.#out.write(`\x1b[?25h${failure}${warningsText(this.#warnings)}`);
  }

  #draw(isLast: boolean): void {
    // Asked for each time: windows are made larger and smaller.
    const size = terminalSize(this.#out.fd);
    const width = size?.columns || 80;
    const rows = size?.rows || 24;
    const { all } = this.#steps;
    const done = all.filter(({ completed }) => completed !== undefined).length;
    const state = isLast && done === all.length ? " FINISHED" : "";
    const elapsed = ((Date.now() - this.#begun) / 1000).toFixed(1);
    const counted = `[+] Building ${elapsed}s (${done}/${all.length})${state}`;
    const head = aligned(counted, this.#builder, width - 1);
    const lines = all.flatMap((step) => stepLines(step, width, isLast));
    // At the end everything is shown; until then what fits, the newest last.
    const shown = isLast ? lines : lines.slice(-Math.max(1, rows - 2));
    const back = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\r\x1b[J`;
    this.#out.write(`${back}${[head, ...shown].join("\n")}\n`);
    this.#drawn = shown.length + 1;
  }
}

function stepLines(step: Step, width: number, isLast: boolean): string[] {
  const { started, completed, error, cached, cancelled, name, lines, output } = step;
  if (started === undefined) return [];
  const isOver = completed !== undefined;
  const word = cancelled ? "CANCELED " : error !== "" ? "ERROR " : cached ? "CACHED " : "";
  const ended = cancelled ? colours.cancelled : error !== "" ? colours.failed : colours.done;
  const spent = (completed ?? Date.now()) - started;
  const main = coloured(isOver ? ended : "", columns(` => ${word}${name}`, "", spent, width));
  const below = [...lines.values()]
    // Of what is long done, only the steps themselves are of interest.
    .filter((line) => !isLast || !cached || line.completed === undefined)
    .map((line) => {
      const taken = (line.completed ?? Date.now()) - line.started;
      return coloured(
        line.completed === undefined ? "" : colours.done,
        columns(` => => ${line.name}`, line.amount, taken, width),
      );
    });
  const last = isOver ? [] : output.filter(({ text }) => text !== "").slice(-outputLines);
  return [
    main,
    ...below,
    ...last.map(({ text }) => coloured(colours.faint, fit(` => => # ${clean(text)}`, width))),
  ];
}

const coloured = (colour: string, text: string) => (colour === "" ? text : `${colour}${text}${colours.off}`);

/** The time at the right edge; what is done of something stays whole, its name need not. */
function columns(text: string, amount: string, taken: number, width: number): string {
  const time = `${(Math.max(0, taken) / 1000).toFixed(1)}s`;
  const left = width - time.length - 3 - (amount === "" ? 0 : amount.length + 1);
  return aligned([text.slice(0, Math.max(0, left)), amount].join(" ").trimEnd(), time, width - 1);
}

/** `right` at the end of a line of `width` columns. */
function aligned(text: string, right: string, width: number): string {
  return `${text.padEnd(width - right.length - 1)} ${right}`.slice(0, width);
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`;
}

/** ECMA-48 control sequences, and what else moves the cursor. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const controlSequence = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** What a program draws on its own terminal would spoil ours; of a line that is drawn over, the last is seen. */
function clean(text: string): string {
  const last = text.replace(/\r$/, "").split("\r").at(-1) ?? "";
  const plain = last.replaceAll(controlSequence, "").replaceAll("\t", "    ");
  return [...plain].filter((char) => char >= " " && char !== "\x7f").join("");
}
