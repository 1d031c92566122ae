import { expect, test } from "bun:test";
import { pull } from "../../src/distribution/pull.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openStores, temporaryFolder, testTransport } from "./stores.ts";
import { makeImage, noise, serveImage } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

const cuts = 200;
const image = makeImage([1, 2, 3, 4].map((seed) => ({ [`file${seed}`]: noise(6 * 1024 * 1024, seed) })));

/** Numbers from 0 to 1, the same in each run. */
function* random(): Generator<number, never> {
  let state = 42;
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    yield state / 2 ** 31;
  }
}

/** One answer with a layer: from where, and where it was cut (in bytes of the layer), if it was. */
interface Answer {
  start: number;
  cut: number | undefined;
  reset: boolean;
}

test(`a pull whose connections are cut ${cuts} times at random bytes completes, and fetches nothing twice`, async () => {
  using folder = temporaryFolder();
  await using stores = openStores(folder.path);
  await using registry = await TestRegistry.start();
  serveImage(registry, "app:1", image);
  const dice = random();
  const answers = new Map<string, Answer[]>();
  let left = cuts;
  registry.decide = ({ path, headers }) => {
    const layer = image.layers.find(({ digest }) => path.endsWith(digest));
    if (!layer) return undefined;
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
    const rest = layer.bytes.length - start;
    const seen = answers.get(layer.digest) ?? [];
    answers.set(layer.digest, seen);
    // As long as others may still be cut elsewhere, the last bytes of a layer stay for later.
    const cutAt = Math.floor(dice.next().value * Math.min(rest, 200_000));
    const reset = dice.next().value < 0.3;
    if (left === 0) {
      seen.push({ start, cut: undefined, reset: false });
      return undefined;
    }
    left--;
    seen.push({ start, cut: start + cutAt, reset });
    return { cutAt, reset };
  };

  const reference = parseReference(`${registry.host}/app:1`);
  const transport = testTransport({ maxConcurrentDownloads: 4 });
  await pull({ reference }, { ...stores, transport }, () => {});

  expect(left).toBe(0);
  for (const { digest, diffId, bytes } of image.layers) {
    expect(sha256Of(stores.blobs.read(digest, bytes.length))).toBe(digest);
    expect(stores.layers.has(diffId)).toBe(true);
    const seen = answers.get(digest) ?? [];
    for (const [at, { start }] of seen.entries()) {
      const before = seen[at - 1];
      if (before === undefined) expect(start).toBe(0);
      // What a reset took from the wire has to come again, and nothing that had arrived before.
      else if (before.reset)
        expect([start >= before.start, start <= (before.cut ?? 0)]).toEqual([true, true]);
      else expect(start).toBe(before.cut ?? -1);
    }
  }
});
