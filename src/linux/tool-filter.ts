import { invalidArgument, unavailable } from "../base/errors.ts";

/**
 * What a host's program makes of `input`, as a stream in both directions. `command[0]` is searched in PATH. Throws
 * `unavailable` when it is not installed, and `invalidArgument` with what it says when it fails. The program ends when
 * nobody reads any more.
 */
export async function* throughTool(
  command: readonly [string, ...string[]],
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const [name] = command;
  if (Bun.which(name) === null) throw unavailable(`${name} is not installed, and this archive needs it`);
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const said = new Response(child.stderr).text();
  const fed = feed(child.stdin, input);
  // Heard below; until then nobody may be left to.
  fed.catch(() => {});
  try {
    yield* child.stdout;
    const code = await child.exited;
    // A program that has seen enough reads no more: what it says counts, not the broken pipe.
    if (code !== 0) throw invalidArgument(`${name}: ${(await said).trim().replace(/^\S+: /, "")}`);
    await fed;
  } finally {
    child.kill();
    await child.exited;
  }
}

async function feed(stdin: Bun.FileSink, input: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const piece of input) {
      stdin.write(piece);
      await stdin.flush();
    }
  } finally {
    await stdin.end();
  }
}
