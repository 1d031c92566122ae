import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../test/harness/process.ts";

export type Environment = Readonly<Record<string, string>>;

let commands = 0;

/**
 * Milliseconds from the start of a command to its end. Its output is thrown away; throws with its standard error when it
 * fails. Not into pipes: a background process that holds one open would count.
 */
export async function time(argv: readonly string[], env: Environment = {}): Promise<number> {
  const errors = join(tmpdir(), `stderr-${commands++ % 64}`);
  const options = { env: { ...process.env, ...env }, stdin: "ignore", stdout: "ignore" } as const;
  const start = performance.now();
  const child = Bun.spawn([...argv], { ...options, stderr: Bun.file(errors) });
  const code = await child.exited;
  const millis = performance.now() - start;
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit ${code}: ${readFileSync(errors, "utf8").trim()}`);
  return millis;
}

/** The output of a command, trimmed; throws with its standard error when it fails. */
export async function output(argv: readonly string[], env: Environment = {}): Promise<string> {
  const { stdout, stderr, code } = await run(argv, { env });
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit ${code}: ${stderr.trim()}`);
  return stdout.trim();
}

/** Runs `work` for 0 to `count - 1`, `width` of them at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
