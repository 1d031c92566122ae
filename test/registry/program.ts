/** `docker-registry` as a program of its own. */
import { join } from "node:path";

const program = [process.execPath, join(import.meta.dir, "../../src/main/longshore.ts"), "docker-registry"];

/** Runs a command to its end. */
export async function run(
  argv: readonly string[],
  input = "",
  environment: Readonly<Record<string, string>> = {},
) {
  const child = Bun.spawn([...program, ...argv], {
    env: { ...process.env, ...environment },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

/** Starts `serve` and waits until it listens; on a free port where `argv` names no address. */
export async function serve(...argv: string[]) {
  const address = argv.includes("--addr") ? [] : ["--addr", "127.0.0.1:0"];
  const child = Bun.spawn([...program, "serve", ...address, ...argv], { stdout: "ignore", stderr: "pipe" });
  const log = { text: "" };
  const url = await listening(child.stderr, log);
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    child.kill(signal);
    await child.exited;
  };
  return {
    url,
    child,
    log: () => log.text,
    host: new URL(url).host,
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

/** The address that the log tells. The log is read on to its end: a closed pipe would end the program. */
function listening(log: ReadableStream<Uint8Array>, read: { text: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    const take = new WritableStream<Uint8Array>({
      write(piece) {
        if (read.text.length > 10_000) return;
        read.text += decoder.decode(piece);
        const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(read.text)?.[0];
        if (url) resolve(url);
      },
    });
    log.pipeTo(take).then(() => reject(new Error(`the registry did not start: ${read.text}`)), reject);
  });
}
