/** `docker-registry` as a program of its own. */
import { join } from "node:path";

const program = [process.execPath, join(import.meta.dir, "../../src/main/longshore.ts"), "docker-registry"];

/** Runs a command to its end. */
export async function run(argv: readonly string[], input = "") {
  const child = Bun.spawn([...program, ...argv], {
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
  const url = await listening(child.stderr);
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    child.kill(signal);
    await child.exited;
  };
  return { url, child, host: new URL(url).host, [Symbol.asyncDispose]: () => end("SIGKILL") };
}

/** The address that the log tells. The log is read on to its end: a closed pipe would end the program. */
function listening(log: ReadableStream<Uint8Array>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const decoder = new TextDecoder();
    const take = new WritableStream<Uint8Array>({
      write(piece) {
        if (text.length > 10_000) return;
        text += decoder.decode(piece);
        const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
        if (url) resolve(url);
      },
    });
    log.pipeTo(take).then(() => reject(new Error(`the registry did not start: ${text}`)), reject);
  });
}
