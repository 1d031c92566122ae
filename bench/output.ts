/**
 * How fast a container's output is logged, read back, and given to an attached client: 100-byte lines as fast as the
 * container can print them. Both engines in turn, in one run, as `bench/run.ts`; logs are not rotated, so that all
 * engines read the same back.
 *
 *     bun bench/output.ts [MEGABYTES] [ROUNDS]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bench, type BenchEngine, compare, time } from "./engines.ts";

const megabytes = Number(process.argv[2] ?? 200);
const rounds = Number(process.argv[3] ?? 3);
const folder = await mkdtemp(join(tmpdir(), "longshore-lines-"));
const line = `${"the quick brown fox jumps over the lazy dog, ".repeat(3).slice(0, 99)}\n`;
await writeFile(join(folder, "lines"), line.repeat(megabytes * 10_000));

await using bench = await Bench.open();
for (const { docker, env } of bench.engines) await time([docker, "pull", "busybox"], env);
const mounted = ["-v", `${folder}:/data:ro`];
const unrotated = ["--log-opt", "max-size=4g"];
const print = ["busybox", "cat", "/data/lines"];

/** The command's output goes nowhere: into a pipe that is read, as fast as it comes. */
const discarded = (engine: BenchEngine, ...args: string[]) =>
  time(["sh", "-c", 'exec "$@" >/dev/null', "sh", engine.docker, ...args], engine.env);

await compare(`logging ${megabytes} MB`, bench.engines, rounds, async ({ docker, env }) => {
  await time([docker, "rm", "-f", "writer"], env).catch(() => {}); // there is none in the first round
  await time([docker, "create", "--name", "writer", ...mounted, ...unrotated, ...print], env);
  return time(["sh", "-c", `${docker} start writer && ${docker} wait writer`], env);
});
await compare(`reading ${megabytes} MB of log`, bench.engines, rounds, (engine) =>
  discarded(engine, "logs", "writer"),
);
await compare(`attached to ${megabytes} MB, not logged`, bench.engines, rounds, (engine) =>
  discarded(engine, "run", "--rm", "--log-driver", "none", ...mounted, ...print),
);
for (const { docker, env } of bench.engines) await time([docker, "rm", "writer"], env);
await rm(folder, { recursive: true });
