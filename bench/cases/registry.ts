import { existsSync } from "node:fs";
import { join } from "node:path";
import { curl, Registry } from "../fixtures/registries.ts";
import type { Bench } from "../lib/bench.ts";
import type { BenchCase } from "../lib/case.ts";
import { output } from "../lib/command.ts";
import type { Contestant, Engine } from "../lib/engine.ts";

const megabytes = 1000;
const pulls = 200;
const registries = new Map<Engine, Registry>();

function registryOf({ engine }: Contestant): Registry {
  const registry = registries.get(engine);
  if (!registry) throw new Error("its registry does not run");
  return registry;
}

/** A file that nothing compresses, and its digest. */
async function blob(bench: Bench): Promise<{ file: string; digest: string }> {
  const file = join(bench.disk, "blob");
  if (!existsSync(file))
    await output(["sh", "-c", `head -c ${megabytes * 1_000_000} /dev/urandom > ${file}`]);
  return { file, digest: `sha256:${(await output(["sha256sum", file])).slice(0, 64)}` };
}

/** Sends the blob, measured, and deletes it again. MB a second. */
async function upload(contestant: Contestant, bench: Bench): Promise<number> {
  const registry = registryOf(contestant);
  const { file, digest } = await blob(bench);
  const millis = await registry.upload("large", file, digest);
  await fetch(`${registry.url}/v2/large/blobs/${digest}`, { method: "DELETE" });
  return megabytes / (millis / 1000);
}

async function download(contestant: Contestant, bench: Bench): Promise<number> {
  const { digest } = await blob(bench);
  const begun = performance.now();
  await curl(`${registryOf(contestant).url}/v2/large/blobs/${digest}`);
  return megabytes / ((performance.now() - begun) / 1000);
}

async function pullMany(contestant: Contestant): Promise<number> {
  const registry = registryOf(contestant);
  const begun = performance.now();
  await Promise.all(Array.from({ length: pulls }, () => registry.pullSmall()));
  return performance.now() - begun;
}

const common = {
  rounds: 3,
  takesPart: ({ isFirst, engine }: Contestant) => isFirst && engine.name !== "podman",
  async prepare(engine: Engine, bench: Bench) {
    registries.set(engine, await Registry.start(engine, bench));
  },
  cleanUp: async (engine: Engine) => registries.get(engine)?.end(),
};

/** Ours beside Docker's own (Debian's docker-registry), in the columns of the engines. */
export const registryCases: readonly BenchCase[] = [
  { ...common, name: "registry-upload", title: "registry: 1 GB up", unit: "MB/s", measure: upload },
  {
    ...common,
    name: "registry-download",
    title: "registry: 1 GB down",
    unit: "MB/s",
    async prepare(engine, bench) {
      await common.prepare(engine, bench);
      const { file, digest } = await blob(bench);
      await registries.get(engine)?.upload("large", file, digest);
    },
    measure: download,
  },
  {
    ...common,
    name: "registry-pulls",
    title: "registry: 200 small pulls at once",
    unit: "ms",
    rounds: 5,
    measure: pullMany,
  },
  {
    ...common,
    name: "registry-memory",
    title: "registry: most memory, after 1 GB up and 200 pulls",
    unit: "MB",
    rounds: 1,
    async measure(contestant, bench) {
      await upload(contestant, bench);
      await pullMany(contestant);
      return registryOf(contestant).peak;
    },
  },
];
