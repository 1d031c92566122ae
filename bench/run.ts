/**
 * How long a container takes, side by side: Debian's docker.io and Longshore run the same command in turn, in one
 * run, and the ratio of the medians is printed. Needs root, `npm run build`, and docker.io for the comparison.
 *
 *     bun bench/run.ts [ROUNDS]
 */
import { Bench, compare, time } from "./engines.ts";

const rounds = Number(process.argv[2] ?? 30);
await using bench = await Bench.open();

for (const { docker, env } of bench.engines) await time([docker, "pull", "hello-world"], env);

for (const [title, options] of [
  ["run --rm hello-world, default bridge", []],
  ["run --rm --network none hello-world", ["--network", "none"]],
] as const) {
  await compare(title, bench.engines, rounds, ({ docker, env }) =>
    time([docker, "run", "--rm", ...options, "hello-world"], env),
  );
}
