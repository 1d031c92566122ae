import { WriteStream } from "node:tty";
import type { StatusResponse } from "../../../api/buildkit/control.ts";
import type { Output } from "../../streams.ts";
import type { Display } from "./display.ts";
import { failureText, type Step, Steps } from "./steps.ts";

/** How often the times move. Milliseconds. */
const pace = 100;
/** How many of the last lines of a step that runs are shown. */
const outputLines = 6;

const colours = { done: "\x1b[34m", failed: "\x1b[31m", off: "\x1b[0m", faint: "\x1b[2m" };

/** On a terminal: a line for each step, with times that move, and the last lines of what runs. */
export class TtyDisplay implements Display {
  readonly #out: Output;
  readonly #terminal: WriteStream;
  readonly #steps = new Steps();
  readonly #begun = Date.now();
  readonly #warnings: string[] = [];
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;

  constructor(out: Output) {
    this.#out = out;
    this.#terminal = new WriteStream(out.fd);
    this.#timer = setInterval(() => this.#draw(false), pace);
    out.write("\x1b[?25l");
  }

  show(status: StatusResponse): void {
    this.#steps.take(status);
    for (const { short } of status.warnings) this.#warnings.push(Buffer.from(short).toString("utf8"));
  }

  end(failed: boolean): void {
    clearInterval(this.#timer);
    this.#draw(true);
    const warnings = this.#warnings.map((text) => ` - ${text}\n`).join("");
    const count = this.#warnings.length;
    const counted = count === 0 ? "" : `\n ${count} warning${count === 1 ? "" : "s"} found:\n${warnings}`;
    this.#out.write(`\x1b[?25h${failed ? failureText(this.#steps) : ""}${counted}`);
  }

  #draw(isLast: boolean): void {
    const width = this.#terminal.columns || 80;
    const rows = this.#terminal.rows || 24;
    const { all } = this.#steps;
    const done = all.filter(({ completed }) => completed !== undefined).length;
    const failed = all.some(({ error }) => error !== "");
    const state = isLast ? (failed ? " ERROR" : " FINISHED") : "";
    const elapsed = ((Date.now() - this.#begun) / 1000).toFixed(1);
    const head = `[+] Building ${elapsed}s (${done}/${all.length})${state}`;
    const lines = all.flatMap((step) => stepLines(step, width, isLast));
    // At the end everything is shown; until then what fits, the newest last.
    const shown = isLast ? lines : lines.slice(-Math.max(1, rows - 2));
    const back = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\r\x1b[J`;
    this.#out.write(`${back}${[head, ...shown].join("\n")}\n`);
    this.#drawn = shown.length + 1;
  }
}

function stepLines(step: Step, width: number, isLast: boolean): string[] {
  const { started, completed, error, cached, name, lines, output } = step;
  if (started === undefined) return [];
  const isOver = completed !== undefined;
  const word = error !== "" ? "ERROR " : cached ? "CACHED " : "";
  const colour = error !== "" ? colours.failed : isOver ? colours.done : "";
  const main = coloured(colour, columns(` => ${word}${name}`, (completed ?? Date.now()) - started, width));
  const below = [...lines.values()]
    // Of what is long done, only the steps themselves are of interest.
    .filter((line) => !isLast || !cached || line.completed === undefined)
    .map((line) => {
      const taken = (line.completed ?? Date.now()) - line.started;
      return coloured(
        line.completed === undefined ? "" : colours.done,
        columns(` => => ${line.text}`, taken, width),
      );
    });
  const last = isOver ? [] : output.filter((text) => text !== "").slice(-outputLines);
  return [
    main,
    ...below,
    ...last.map((text) => coloured(colours.faint, fit(` => => # ${clean(text)}`, width))),
  ];
}

const coloured = (colour: string, text: string) => (colour === "" ? text : `${colour}${text}${colours.off}`);

/** The time at the right edge. */
function columns(text: string, taken: number, width: number): string {
  const time = `${(Math.max(0, taken) / 1000).toFixed(1)}s`;
  return `${fit(text, width - time.length - 2).padEnd(width - time.length - 1)}${time}`;
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
