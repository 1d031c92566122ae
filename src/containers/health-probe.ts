import type { HealthcheckResult } from "../api/containers.ts";
import { sleep } from "../base/async.ts";
import { rfc3339Nano } from "../base/clock.ts";
import { messageOf, unavailable } from "../base/errors.ts";
import { formatGoDuration } from "../base/units.ts";
import { killTree } from "../linux/process.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { createExec, runExec } from "./exec.ts";
import { claimStart, type Exec } from "./execs.ts";
import type { HealthCheck } from "./health.ts";
import { bothOutputs } from "./stdcopy.ts";

/** Bytes of output that are kept, as in Docker. */
const keptOutput = 4096;
/** How long the runtime may take to start the check's process; that is not the check's own time. */
const startPatience = 30_000;
/** The output of a process that has ended is on its way. */
const outputPatience = 1000;
const failed = -1;

/** A check that has a result. Its process may be there still, when it could not be ended. */
export interface Probed {
  result: HealthcheckResult;
  gone: Promise<void>;
}

/** Checks once. `begun` is called with the id of the exec before it starts; never throws. */
export async function probe(
  deps: ContainerDeps,
  container: Container,
  check: HealthCheck,
  begun: (execId: string) => void,
): Promise<Probed> {
  const now = () => rfc3339Nano(deps.clock.nowNanos());
  const Start = now();
  const told = (ExitCode: number, Output: string) => ({ Start, End: now(), ExitCode, Output });
  let exec: Exec | undefined;
  try {
    exec = makeExec(deps, container, check);
    begun(exec.id);
    const output = await start(deps, exec);
    const inTime = await within(check.timeout, exec.ended.promise);
    if (!inTime) {
      killTree(exec.pid);
      const text = output.text();
      const limit = formatGoDuration(check.timeout * 1e6);
      const why = `Health check exceeded timeout (${limit})${text === "" ? "" : `: ${text}`}`;
      return { result: told(failed, why), gone: forgotten(deps, exec) };
    }
    await within(outputPatience, output.ended);
    return { result: told(exec.exitCode ?? failed, output.text()), gone: forgotten(deps, exec) };
  } catch (error) {
    if (exec) deps.execs.forget(exec.id);
    return { result: told(failed, messageOf(error)), gone: Promise.resolve() };
  }
}

function makeExec(deps: ContainerDeps, container: Container, { command }: HealthCheck): Exec {
  const config = { Cmd: command, AttachStdout: true, AttachStderr: true };
  const exec = deps.execs.find(createExec(deps, container, config));
  claimStart(exec);
  return exec;
}

async function forgotten(deps: ContainerDeps, exec: Exec): Promise<void> {
  await exec.ended.promise;
  deps.execs.forget(exec.id);
}

interface Output {
  text: () => string;
  ended: Promise<void>;
}

async function start(deps: ContainerDeps, exec: Exec): Promise<Output> {
  const { id } = exec.container;
  const { stream } = await deps.supervisor.attach({
    id,
    execId: exec.id,
    stdin: false,
    stdout: true,
    stderr: true,
  });
  const output = collect(stream.pipe(bothOutputs()));
  const starting = runExec(deps, exec, {});
  starting.catch(() => stream.destroy());
  if (await within(startPatience, starting)) return output;
  // It is killed when it comes to life after all.
  starting.then(() => killTree(exec.pid)).catch(() => {}); // it has not
  stream.destroy();
  throw unavailable(`timed out starting health check for container ${id}`);
}

function collect(stream: NodeJS.ReadableStream): Output {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    const room = keptOutput - length;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    length += chunk.length;
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  stream.on("end", resolve).on("close", resolve);
  return { ended, text: () => Buffer.concat(chunks).toString() + (length > keptOutput ? "..." : "") };
}

/** False when `work` takes longer than that; throws what it throws. */
async function within(millis: number, work: Promise<unknown>): Promise<boolean> {
  const patience = new AbortController();
  const late = sleep(millis, patience.signal).then(
    () => false,
    () => true, // `work` was faster
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    patience.abort();
  }
}
