import { closeSync, readFileSync, readSync } from "node:fs";
import { invalidArgument, unavailable } from "../base/errors.ts";
import { check, libc } from "./libc.ts";

const O_CLOEXEC = 0o2000000;
const c = libc({ pipe2: { args: ["ptr", "i32"], returns: "i32" } });

/** Runs `"$@"`, and tells on the standard error its exit code and, on the next lines, what it said. */
const script = 'exec 3>&1; said=$("$@" 2>&1 >&3 3>&-); printf "%s\\n%s" $? "$said" >&2';

/**
 * What a host's program makes of the file `fd`, read synchronously: for Workers; see `throughTool` for streams. Disposing
 * of it ends the program. Throws `unavailable` when it is not installed.
 */
export class ToolPipe implements Disposable {
  readonly #name: string;
  readonly #child: Bun.Subprocess;
  readonly #output: number;
  readonly #report: number;

  constructor(command: readonly [string, ...string[]], fd: number) {
    this.#name = command[0];
    if (Bun.which(this.#name) === null)
      throw unavailable(`${this.#name} is not installed, and this archive needs it`);
    const [output, into] = pipe();
    const [report, told] = pipe();
    this.#output = output;
    this.#report = report;
    try {
      this.#child = Bun.spawn(["/bin/sh", "-c", script, "sh", ...command], { stdio: [fd, into, told] });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    } finally {
      closeSync(into);
      closeSync(told);
    }
  }

  /** Bytes read into `buffer`; 0 at the end. Throws `invalidArgument` with what the program says when it has failed. */
  read(buffer: Uint8Array): number {
    const length = readSync(this.#output, buffer);
    if (length === 0) this.#check();
    return length;
  }

  #check(): void {
    const [code = "", ...said] = readFileSync(this.#report, "utf8").split("\n");
    if (code === "0") return;
    const why = said
      .join("\n")
      .trim()
      .replace(/^\S+: /, "");
    throw invalidArgument(`${this.#name}: ${why || `exit status ${code || "unknown"}`}`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#output);
    closeSync(this.#report);
    // The program itself ends when it finds that nobody reads.
    this.#child?.kill();
  }
}

function pipe(): [read: number, write: number] {
  const ends = new Int32Array(2);
  check(c.pipe2(ends, O_CLOEXEC), "pipe2");
  return [ends[0] ?? -1, ends[1] ?? -1];
}
