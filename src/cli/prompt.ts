import { withoutEcho } from "../linux/terminal.ts";
import type { Cli } from "./cli.ts";

/**
 * Questions on a terminal, answered by a line each. The process goes on living meanwhile, so that an interrupt ends it;
 * the terminal shows what is typed again whatever happens.
 */
export class Prompts implements AsyncDisposable {
  readonly #cli: Cli;
  readonly #reader = Bun.stdin.stream().getReader();
  #rest = "";

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** The answer, without its end of line; "" at the end of the input. */
  async ask(question: string): Promise<string> {
    this.#cli.out.write(question);
    return this.#line();
  }

  /** As `ask`, for what nobody is to see. */
  async askSecret(question: string): Promise<string> {
    const silence = withoutEcho(0);
    const restore = () => silence[Symbol.dispose]();
    process.once("exit", restore);
    try {
      return await this.ask(question);
    } finally {
      process.off("exit", restore);
      restore();
      this.#cli.out.write("\n");
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line.replace(/\r$/, "");
      }
      const { done, value } = await this.#reader.read();
      if (done) return this.#rest;
      this.#rest += Buffer.from(value).toString();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
