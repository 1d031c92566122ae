import { isEngineError } from "../base/errors.ts";
import { startContainer } from "../containers/start.ts";
import { killContainer } from "../containers/stop.ts";
import type { BuilderDeps } from "./deps.ts";
import type { LogStream } from "./progress.ts";
import type { WorkRoot } from "./work-root.ts";

export interface ProcessEnd {
  exitCode: number;
  outOfMemory: boolean;
}

/**
 * Runs the container of a step to its end; when `signal` fires it is killed, and the promise rejects. `output` gets
 * what it writes, and slows it down by the promise that it returns. When this resolves nothing of it runs or is
 * mounted.
 */
export async function runToEnd(
  deps: BuilderDeps,
  { container }: WorkRoot,
  output: (stream: LogStream, data: Uint8Array) => Promise<void> | void,
  signal: AbortSignal,
): Promise<ProcessEnd> {
  const { containers } = deps;
  const { id } = container;
  const attachment = await containers.supervisor.attach({
    id,
    stdin: false,
    stdout: true,
    stderr: true,
    replay: false,
  });
  const ended = containers.waiters.wait(id, "exit", new AbortController().signal);
  const kill = () => {
    killContainer(containers, container, "KILL").catch((error: unknown) => {
      // It had ended by itself.
      if (!isEngineError(error, "conflict")) containers.log.warn("cannot end a step of a build", { error });
    });
  };
  try {
    await startContainer(containers, container);
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    await copyOutput(attachment.stream, output);
    const { exitCode } = await ended;
    // The end is told before everything is unmounted.
    await containers.turns.run(id, async () => {});
    signal.throwIfAborted();
    return { exitCode, outOfMemory: container.state.oomKilled };
  } finally {
    signal.removeEventListener("abort", kill);
    attachment.stream.destroy();
  }
}

const headerSize = 8;

/**
 * Takes Docker's frames apart: 8 bytes of header (stream, 0, 0, 0, length), then the bytes. What came together of one
 * stream is handed on together: a program that writes line by line makes a frame of each.
 */
async function copyOutput(
  frames: AsyncIterable<Uint8Array>,
  output: (stream: LogStream, data: Uint8Array) => Promise<void> | void,
): Promise<void> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of frames) {
    pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    const { pieces, rest } = takeApart(pending);
    for (const { stream, data } of pieces) await output(stream, Buffer.concat(data));
    pending = rest;
  }
}

function takeApart(bytes: Buffer): { pieces: { stream: LogStream; data: Buffer[] }[]; rest: Buffer } {
  const pieces: { stream: LogStream; data: Buffer[] }[] = [];
  let at = 0;
  while (bytes.length - at >= headerSize) {
    const end = at + headerSize + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) break;
    const stream = bytes[at] === 2 ? "stderr" : "stdout";
    const data = bytes.subarray(at + headerSize, end);
    const last = pieces.at(-1);
    if (last?.stream === stream) last.data.push(data);
    else pieces.push({ stream, data: [data] });
    at = end;
  }
  return { pieces, rest: bytes.subarray(at) };
}
