import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { makeImage, noise, serveImage, type TestImage } from "../distribution/test-image.ts";
import { type Fault, type Seen, TestRegistry } from "../distribution/test-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { freePort } from "../harness/registry.ts";
import { settled } from "./stores.ts";

let daemon: TestDaemon;
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start({ flags: ["--max-download-attempts=1"] });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

type Decide = (seen: Seen, image: TestImage) => Fault | undefined;

const always =
  (fault: Fault): Decide =>
  () =>
    fault;
const manifest =
  (fault: Fault): Decide =>
  ({ path }) =>
    path.includes("/manifests/") ? fault : undefined;
/** Of the first of two layers. */
const layer =
  (fault: Fault): Decide =>
  ({ path }, image) =>
    path.endsWith(image.layers[0]?.digest ?? "?") ? fault : undefined;
/** Every URL leads back to itself. */
const loop =
  (kind: string): Decide =>
  ({ path }) =>
    path.includes(`/${kind}/`) ? { status: 307, headers: { location: path } } : undefined;
const bearer = (realm: string): Fault => ({
  status: 401,
  headers: { "www-authenticate": `Bearer realm="${realm}",service="s"` },
});

const faults: [what: string, decide: Decide, message: RegExp][] = [
  ["401", always({ status: 401 }), /unauthorized: authentication required$/],
  ["403", always({ status: 403 }), /pull access denied for \S+, repository does not exist or may require/],
  ["404", always({ status: 404 }), /manifest for \S+ not found: manifest unknown: manifest unknown$/],
  ["500", always({ status: 500 }), /received unexpected HTTP status: 500 Internal Server Error$/],
  [
    "a token server that is not there",
    always(bearer("http://127.0.0.1:1/t")),
    /connect: connection refused$/,
  ],
  ["a token server that is a file", always(bearer("file:///etc/passwd")), /is not secure$/],
  ["manifests that lead in a circle", loop("manifests"), /stopped after 10 redirects$/],
  ["blobs that lead in a circle", loop("blobs"), /stopped after 10 redirects$/],
  [
    "a blob on the host's disk",
    layer({ status: 307, headers: { location: "file:///etc/shadow" } }),
    /not secure$/,
  ],
  [
    "a blob nowhere",
    layer({ status: 307, headers: { location: "http://[" } }),
    /failed to parse Location header$/,
  ],
  ["a manifest that is cut off", manifest({ cutAt: 20 }), /unexpected EOF$/],
  ["a manifest that is no JSON", manifest({ corrupt: true }), /invalid manifest/],
  ["a layer that is not given", layer({ status: 401 }), /unauthorized: authentication required$/],
  ["a layer that is missing", layer({ status: 404 }), /blob unknown/],
  [
    "a layer that fails",
    layer({ status: 500 }),
    /received unexpected HTTP status: 500 Internal Server Error$/,
  ],
  [
    "a layer with a wrong bit",
    layer({ corrupt: true }),
    /filesystem layer verification failed for digest sha256:/,
  ],
  // Where much more comes than this, the one attempt goes on.
  ["a layer that is cut off", layer({ cutAt: 10_000 }), /unexpected EOF$/],
  ["a layer that is cut off at once", layer({ cutAt: 0 }), /unexpected EOF$/],
];

test.each(faults)(
  "%s: Docker's error, no lie on the disk, and the next pull goes on",
  async (what, decide, message) => {
    const image = makeImage([
      { big: noise(300_000, 1 + faults.findIndex(([name]) => name === what)) },
      { small: what },
    ]);
    const name = `f${faults.findIndex(([other]) => other === what)}`;
    serveImage(registry, `${name}:1`, image);
    registry.decide = (seen) => decide(seen, image);
    const failed = await daemon.docker("pull", `${registry.host}/${name}:1`);
    expect(failed.stderr.trim()).toMatch(message);
    expect(failed.code).toBe(1);
    const { images } = await settled(daemon.dataRoot);
    expect(images.filter((one) => one.includes(`/${name}:`))).toEqual([]);
    registry.decide = () => undefined;
    await daemon.must("pull", `${registry.host}/${name}:1`);
    expect((await settled(daemon.dataRoot)).parts).toEqual({});
  },
);

test("a layer that is cut off again and again goes on where it stopped", async () => {
  const image = makeImage([{ big: noise(300_000, 99) }]);
  serveImage(registry, "cut:1", image);
  registry.decide = (seen) => layer({ cutAt: 100_000 })(seen, image);
  await daemon.must("pull", `${registry.host}/cut:1`);
  expect(sockets(daemon.pid, "08")).toEqual([]);
});

/** A process's TCP sockets in one state (Linux, include/net/tcp_states.h; 08 is CLOSE_WAIT), as lines of proc_net(5). */
function sockets(pid: number, state: string): string[] {
  const inodes = new Set<string | undefined>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    inodes.add(/^socket:\[(\d+)\]$/.exec(readlinkIfThere(`/proc/${pid}/fd/${fd}`))?.[1]);
  }
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .filter((line) => {
      const fields = line.trim().split(/\s+/);
      return fields[3] === state && inodes.has(fields[9]);
    });
}

function readlinkIfThere(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return "";
  }
}

const documents: [what: string, body: string, message: RegExp][] = [
  ["is huge", " ".repeat(5_000_000), /manifest is larger than \d+ bytes$/],
  ["is deep", "[".repeat(1_000_000), /invalid manifest/],
  [
    "names a layer by a path",
    manifestWith("digest", '"sha256:../../../../etc/passwd"'),
    /invalid checksum digest format$/,
  ],
  ["has a layer of less than nothing", manifestWith("size", "-1"), /invalid descriptor/],
  ["has a layer of absurd size", manifestWith("size", "1e300"), /invalid descriptor/],
];

function manifestWith(field: "digest" | "size", value: string): string {
  const descriptor = {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: `sha256:${"0".repeat(64)}`,
    size: 1,
  };
  const config = { ...descriptor, mediaType: "application/vnd.oci.image.config.v1+json" };
  const layers = JSON.stringify([{ ...descriptor, [field]: "@" }]).replace('"@"', value);
  return `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":${layers}}`;
}

test.each(documents)("a manifest that %s is refused", async (_, body, message) => {
  registry.manifests.set("m:1", {
    bytes: Buffer.from(body),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
  });
  const { stderr, code } = await daemon.docker("pull", `${registry.host}/m:1`);
  expect(stderr.trim()).toMatch(message);
  expect(code).toBe(1);
  await settled(daemon.dataRoot);
});

test("a registry that is not there", async () => {
  const { stderr, code } = await daemon.docker("pull", `127.0.0.1:${await freePort()}/x`);
  expect(stderr).toMatch(
    /Get "https?:\/\/127\.0\.0\.1:\d+\/v2\/": dial tcp 127\.0\.0\.1:\d+: connect: connection refused/,
  );
  expect(code).toBe(1);
});
