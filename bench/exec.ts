/**
 * How long `docker exec` of `true` into a running container takes, side by side, as `bench/run.ts`.
 *
 *     bun bench/exec.ts [ROUNDS]
 */
import { Bench, compare, time } from "./engines.ts";

const rounds = Number(process.argv[2] ?? 40);
await using bench = await Bench.open();
for (const { docker, env } of bench.engines) {
  await time([docker, "run", "-d", "--name", "target", "busybox", "sleep", "3600"], env);
}
await compare("exec true", bench.engines, rounds, ({ docker, env }) =>
  time([docker, "exec", "target", "true"], env),
);
for (const { docker, env } of bench.engines) await time([docker, "rm", "-f", "target"], env);
