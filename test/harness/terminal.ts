import { until } from "./process.ts";

/** A program in a terminal of its own, as a person has it before them. */
export class TestTerminal implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  #screen = "";

  constructor(
    command: readonly string[],
    options: { env?: Record<string, string>; cols?: number; rows?: number } = {},
  ) {
    const { env = {}, cols = 80, rows = 24 } = options;
    // A terminal that is made by itself would not be the controlling one: no SIGWINCH.
    this.#child = Bun.spawn([...command], {
      env: { ...process.env, TERM: "xterm", ...env },
      terminal: {
        cols,
        rows,
        data: (_terminal, data) => {
          this.#screen += Buffer.from(data).toString();
        },
      },
    });
  }

  get #terminal(): Bun.Terminal {
    if (!this.#child.terminal) throw new Error("no terminal");
    return this.#child.terminal;
  }

  /** What was shown since the last `clear`. */
  get screen(): string {
    return this.#screen;
  }

  clear(): void {
    this.#screen = "";
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(cols, rows);
  }

  /** Waits until `text` is on the screen. */
  async shows(text: string | RegExp): Promise<void> {
    const found = () => (typeof text === "string" ? this.#screen.includes(text) : text.test(this.#screen));
    try {
      await until(`the terminal shows ${text}`, found, 10);
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows ${JSON.stringify(this.#screen)}`);
    }
  }

  /** Forgets what was shown, types a line, and waits until `answer` is shown. */
  async say(line: string, answer: string | RegExp): Promise<void> {
    this.clear();
    this.type(`${line}\r`);
    await this.shows(answer);
  }

  /** The program's exit code. */
  get exited(): Promise<number> {
    return this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#terminal.close();
  }
}
