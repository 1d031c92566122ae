/**
 * How long an image of 300 MB, 5 layers and 15,000 files takes to come, to go out and to go away, side by side: Debian's
 * docker.io and Longshore do the same in turn, in one run, on one journalled file system, and the ratio of the medians is
 * printed. Needs root, `npm run build`, and docker.io for the comparison.
 *
 *     bun bench/images.ts [ROUNDS [CASE...]]
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { TestRegistry } from "../test/harness/registry.ts";
import { Bench, type BenchEngine, compare, time } from "./engines.ts";
import { writeLargeImage } from "./large-image.ts";

const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
await using bench = await Bench.open();

const image = `${bench.registry}/large:1`;
const archive = join(bench.disk, "large.tar");
writeLargeImage(archive, image);

const docker = ({ docker: client, env }: BenchEngine, ...args: string[]) => time([client, ...args], env);
const saved = ({ name }: BenchEngine) => join(bench.disk, `${name}.tar`);

const [ours, theirs] = bench.engines;
if (!ours) throw new Error("there is no engine");
await docker(ours, "load", "-q", "-i", archive);
await docker(ours, "push", "-q", image);
if (theirs) await docker(theirs, "load", "-q", "-i", archive);
for (const engine of bench.engines) await docker(engine, "save", "-o", saved(engine), image);
// What docker.io saved holds its layers uncompressed.
const common = saved(theirs ?? ours);

async function fresh(engine: BenchEngine, ...args: string[]): Promise<number> {
  await docker(engine, "rmi", "-f", image);
  await time(["sync"], {});
  return docker(engine, ...args);
}

const cases: Record<string, (engine: BenchEngine) => Promise<number>> = {
  pull: (engine) => fresh(engine, "pull", "-q", image),
  async push(engine) {
    await using empty = await TestRegistry.start();
    const target = `${empty.address}/large:1`;
    await docker(engine, "tag", image, target);
    await time(["sync"], {});
    const millis = await docker(engine, "push", "-q", target);
    await docker(engine, "rmi", target);
    return millis;
  },
  async save(engine) {
    rmSync(saved(engine), { force: true });
    await time(["sync"], {});
    return docker(engine, "save", "-o", saved(engine), image);
  },
  "load of its own archive": (engine) => fresh(engine, "load", "-q", "-i", saved(engine)),
  "load of the same archive, layers uncompressed": (engine) => fresh(engine, "load", "-q", "-i", common),
  "load of the same archive, layers gzip": (engine) => fresh(engine, "load", "-q", "-i", archive),
};

for (const [title, measure] of Object.entries(cases)) {
  if (chosen.length > 0 && !chosen.some((word) => title.startsWith(word))) continue;
  await compare(title, bench.engines, rounds, measure);
}
