/**
 * Where the time of one case goes: the daemon records spans (`DOCKERD_TRACE`), the client is watched from outside, and
 * every moment between the client's start and its end belongs to one phase. Started by `npm run bench:profile`.
 */
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { Bench } from "./lib/bench.ts";
import { call } from "./lib/engine.ts";
import { readOptions } from "./lib/options.ts";
import { type Moments, phasesOf } from "./profile/attribute.ts";
import { type Profile, profiles } from "./profile/profiles.ts";
import { renderProfile } from "./profile/report.ts";
import { readSpans } from "./profile/spans.ts";

const options = readOptions();
const [name = "run"] = options.cases;
const profile = profiles[name];
if (!profile || options.list || options.cases.length > 1) {
  process.stdout.write(`one of: ${Object.keys(profiles).join(", ")}\n`);
  process.exitCode = options.list ? 0 : 2;
} else {
  await trace(profile);
}

async function trace(one: Profile): Promise<void> {
  const file = join(options.folder, "run", "trace.json");
  const runs: Moments[] = [];
  {
    await using bench = await Bench.open({ folder: options.folder, peers: [], env: { DOCKERD_TRACE: file } });
    const [contestant] = bench.contestants;
    if (!contestant) throw new Error("there is no engine");
    await one.prepare?.(contestant, bench);
    const rounds = options.rounds ?? one.rounds;
    for (let round = -1; round < rounds; round++) {
      const args = await one.command(contestant, bench);
      const begun = systemClock.nowNanos();
      await contestant.output(...args);
      const run = { begun, ended: systemClock.nowNanos() };
      // The first fills caches.
      if (round >= 0) runs.push(run);
      await one.after?.(contestant, bench);
    }
    await call(contestant.engine, "version");
  }
  const spans = await readSpans(file);
  process.stdout.write(
    renderProfile(
      one,
      runs.map((run) => phasesOf(run, spans)),
    ),
  );
}
