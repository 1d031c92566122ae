/**
 * A thousand containers that sleep: how long they take to start, `ps` beside them (the daemon's answer alone, and our
 * client's table), what the engine's own memory grows by, how soon a new daemon answers, and that nothing of them is
 * left. Exits with 1 when a bound is broken.
 *
 *     bun bench/thousand.ts [CONTAINERS]
 */
import { readFileSync } from "node:fs";
import { TestDaemon } from "../test/harness/daemon.ts";
import { untilEmpty } from "../test/harness/process.ts";
import { time } from "./lib/command.ts";

const containers = Number(process.argv[2] ?? 1000);
const atOnce = 8;
const psRounds = 15;
const bounds = { psMillis: 100, kilobytesEach: 150, restartMillis: 2000 };

await using daemon = await TestDaemon.start({ images: ["busybox"] });
let broken = false;

function report(what: string, value: number, unit: string, bound?: number): void {
  const ok = bound === undefined || value < bound;
  if (!ok) broken = true;
  console.log(`${what}: ${value.toFixed(1)} ${unit}${bound === undefined ? "" : ` (bound ${bound})`}`);
}

/** The proportional share of memory of daemon and supervisor, in kB (proc_pid_smaps(5)). */
function memory(): number {
  return [daemon.pid, daemon.supervisorPid]
    .map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]))
    .reduce((sum, pss) => sum + pss, 0);
}

/** Runs `work` for each number, a few at a time. */
async function each(work: (number: number) => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < containers) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - begun;
}

async function median(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < psRounds; round++) times.push(await measure());
  return times.sort((a, b) => a - b)[psRounds >> 1] ?? 0;
}

const client = daemon.client;
for (let warm = 0; warm < 20; warm++) await daemon.must("run", "--rm", "busybox", "true");
const before = memory();
const started = await each((at) =>
  daemon.must("run", "-d", "--name", `sleeps-${at}`, "busybox", "sleep", "86400"),
);
report("start", started / containers, "ms each");
const running = (await daemon.must("ps", "-q")).split("\n").length;
if (running !== containers) throw new Error(`${running} of ${containers} run`);
const answer = await median(async () => {
  const begun = performance.now();
  await (await fetch("http://docker/containers/json", { unix: daemon.socket })).arrayBuffer();
  return performance.now() - begun;
});
report("the daemon's list, median", answer, "ms", bounds.psMillis);
report("ps, median", await median(() => time([client, "ps"], daemon.env)), "ms", bounds.psMillis);
report("memory", (memory() - before) / containers, "kB each", bounds.kilobytesEach);
await daemon.end("SIGKILL");
const born = performance.now();
await daemon.launch();
report("a new daemon takes them up in", performance.now() - born, "ms", bounds.restartMillis);
const removed = await each((at) => daemon.must("rm", "-f", `sleeps-${at}`));
report("rm -f", removed / containers, "ms each");
await untilEmpty("nothing of them is left", async () => (await daemon.leftovers()).containers, 60);
console.log("nothing is left");
process.exitCode = broken ? 1 : 0;
