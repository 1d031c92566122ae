import { afterAll, beforeAll, expect, test } from "bun:test";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run } from "../harness/process.ts";
import { makeImage, makeTar, serveImage } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

/** Docker's own client, where there is one. */
const [, judge] = clients[1] ?? [];

const image = makeImage([{ a: "a" }]);
const arm = makeImage([{ a: "arm" }]);
const statement = Buffer.from(JSON.stringify({ predicateType: "https://slsa.dev/provenance/v1" }));
const attestation = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.config.digest, size: image.config.bytes.length },
    layers: [
      {
        mediaType: "application/vnd.in-toto+json",
        digest: sha256Of(statement),
        size: statement.length,
        annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1" },
      },
    ],
  }),
);
const describe_ = (bytes: Uint8Array, more: object) => ({
  mediaType: mediaTypes.ociManifest,
  digest: sha256Of(bytes),
  size: bytes.length,
  ...more,
});
const host = process.arch === "arm64" ? "arm64" : "amd64";
const index = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [
      describe_(image.manifest, { platform: { os: "linux", architecture: host } }),
      describe_(arm.manifest, { platform: { os: "linux", architecture: "s390x" } }),
      describe_(attestation, {
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": image.digest,
        },
      }),
    ],
  }),
);

let daemon: TestDaemon;
let registry: TestRegistry;
beforeAll(async () => {
  daemon = await TestDaemon.start();
  registry = await TestRegistry.start();
  for (const one of [image, arm]) serveImage(registry, one.digest, one);
  registry.manifests.set("app:1", { bytes: index, mediaType: mediaTypes.ociIndex });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

async function ask(path: string) {
  const answer = await fetch(`http://localhost/v1.55/images/${path}`, { unix: daemon.socket });
  // biome-ignore lint/suspicious/noExplicitAny: the test looks into whatever comes.
  return [answer.status, (await answer.json()) as any] as const;
}

test("an index with attestations is pulled, and told of manifest by manifest, with where it comes from", async () => {
  const name = `${registry.host}/app:1`;
  await daemon.must("pull", "-q", name);
  // The registry does not have it, which harms nobody.
  expect(registry.requests.some(({ path }) => path.includes(sha256Of(attestation)))).toBe(true);
  const [, inspected] = await ask(`${name}/json?manifests=1`);
  expect(inspected.Identity).toEqual({ Pull: [{ Repository: `${registry.host}/app` }] });
  expect(inspected.Manifests).toMatchObject([
    {
      ID: image.digest,
      Kind: "image",
      Available: true,
      ImageData: { Platform: { architecture: host }, Containers: [] },
    },
    { ID: arm.digest, Kind: "image", Available: false, Size: { Content: 0, Total: 0 } },
    { ID: sha256Of(attestation), Kind: "attestation", AttestationData: { For: image.digest } },
  ]);
  const [, list] = await ask("json?manifests=1&identity=1");
  expect(list[0].Manifests[0].ImageData.Identity.Pull).toHaveLength(1);
  expect(await ask(`${name}/attestations`)).toEqual([200, []]);
  expect((await ask("nope/attestations"))[0]).toBe(404);
});

test.skipIf(judge === undefined)(
  "the tree of an index looks as the Go client shows it, also on narrow terminals",
  async () => {
    const name = `${registry.host}/app:1`;
    await daemon.must("tag", name, "a/second-name-that-is-rather-long:1");
    await daemon.must("create", "--name", "user", name, "none");
    const shown = (client: string, columns: number) =>
      run(["script", "-qec", `stty cols ${columns}; ${client} image ls --tree`, "/dev/null"], {
        env: daemon.env,
      });
    for (const columns of [120, 80, 60, 40]) {
      const { stdout } = await shown(daemon.client, columns);
      expect(stdout).toContain("├─ linux");
      expect(stdout).toBe((await shown(judge ?? "", columns)).stdout);
    }
    // Its headings are in bold even where there is no terminal.
    const theirs = await run([judge ?? "", "image", "ls", "--tree"], { env: daemon.env });
    expect(await daemon.must("image", "ls", "--tree")).toBe(Bun.stripANSI(theirs.stdout).trim());
    await daemon.must("rm", "user");
    await daemon.must("rmi", "a/second-name-that-is-rather-long:1");
  },
);

test("statements that are here are told, with their text when that is asked for", async () => {
  const blobs = [index, image.manifest, image.config.bytes, attestation, statement];
  const layers = image.layers.map(({ bytes }) => bytes);
  const name = "example.test/attested:1";
  const top = {
    mediaType: mediaTypes.ociIndex,
    digest: sha256Of(index),
    size: index.length,
    annotations: { "io.containerd.image.name": name },
  };
  const archive = makeTar({
    "oci-layout": JSON.stringify({ imageLayoutVersion: "1.0.0" }),
    "index.json": JSON.stringify({ schemaVersion: 2, manifests: [top] }),
    ...Object.fromEntries(
      [...blobs, ...layers].map((bytes) => [`blobs/${sha256Of(bytes).replace(":", "/")}`, bytes]),
    ),
  });
  const loaded = await run([daemon.client, "load"], { env: daemon.env, input: archive });
  expect(loaded.stdout).toBe(`Loaded image: ${name}\n`);
  const type = "https://slsa.dev/provenance/v1";
  const [, found] = await ask(`${name}/attestations?statement=1&type=${encodeURIComponent(type)}`);
  expect(found).toMatchObject([
    { PredicateType: type, Statement: { predicateType: type }, Descriptor: { digest: sha256Of(statement) } },
  ]);
  expect((await ask(`${name}/attestations`))[1][0].Statement).toBeUndefined();
  expect((await ask(`${name}/attestations?type=other`))[1]).toEqual([]);
});
