import { describe, expect, test } from "bun:test";
import type { Credentials } from "../../src/distribution/credentials.ts";
import { inspectRemote } from "../../src/distribution/inspect.ts";
import { login } from "../../src/distribution/login.ts";
import type { ProgressMessage } from "../../src/distribution/progress.ts";
import { pull } from "../../src/distribution/pull.ts";
import { push } from "../../src/distribution/push.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { CuttingProxy } from "./cutting-proxy.ts";
import { hasDistribution, registries, startDistribution } from "./real-registries.ts";
import { openStores, type Stores, temporaryFolder, testTransport } from "./stores.ts";
import { makeImage, noise, serveImage, serveIndex } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

const big = noise(3 * 1024 * 1024, 5);
const image = makeImage([{ a: "lower" }, { big }]);
const single = makeImage([{ big }]);
const diffIds = image.layers.map(({ diffId }) => diffId.slice(7, 19));

async function run(
  kind: typeof pull | typeof push,
  stores: Stores,
  name: string,
  credentials: Credentials = {},
): Promise<ProgressMessage[]> {
  const messages: ProgressMessage[] = [];
  const request = { reference: parseReference(name), credentials };
  await kind(request, { ...stores, transport: testTransport() }, (message) => messages.push(message));
  return messages;
}

const statusesOf = (messages: ProgressMessage[], id: string | undefined) =>
  messages
    .filter((message) => message.id === id)
    .map(({ status }) => status)
    .filter((status, at, all) => status !== all[at - 1]);

/** An image in the stores, as a pull leaves it. */
async function havePulled(stores: Stores, serve: (registry: TestRegistry) => void): Promise<string> {
  await using source = await TestRegistry.start();
  serve(source);
  const name = `${source.host}/source:1`;
  await run(pull, stores, name);
  return name;
}

describe.each(registries)("push to %s", (kind, start) => {
  test("sends an image, byte for byte, in Docker's words; then nothing more of it", async () => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    const source = await havePulled(stores, (one) => serveImage(one, "source:1", image));
    const name = `${registry.host}/team/app:v1`;
    stores.images.tag(source, parseReference(name));

    const first = await run(push, stores, name);
    expect(first[0]).toEqual({ status: `The push refers to repository [${registry.host}/team/app]` });
    expect(first.slice(1, 3).map(({ id, status }) => [id, status])).toEqual([
      [diffIds[1], "Preparing"],
      [diffIds[0], "Preparing"],
    ]);
    for (const id of diffIds) expect(statusesOf(first, id)).toEqual(["Preparing", "Pushing", "Pushed"]);
    const size = image.manifest.length;
    expect(first.slice(-2)).toEqual([
      { status: `v1: digest: ${image.digest} size: ${size}` },
      { progressDetail: {}, aux: { Tag: "v1", Digest: image.digest, Size: size } },
    ]);

    const second = await run(push, stores, name);
    for (const id of diffIds) expect(statusesOf(second, id)).toEqual(["Preparing", "Layer already exists"]);

    await using other = openStores(elsewhere.path);
    await run(pull, other, name);
    expect(other.images.resolve(name).id).toBe(image.digest);
  });

  test("mounts layers that another repository has", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    const source = await havePulled(stores, (one) => serveImage(one, "source:1", image));
    const [one, two] = [`${registry.host}/one:1`, `${registry.host}/two:1`];
    stores.images.tag(source, parseReference(one));
    await run(push, stores, one);
    stores.images.tag(source, parseReference(two));
    const messages = await run(push, stores, two);
    for (const id of diffIds) expect(statusesOf(messages, id)).toEqual(["Preparing", "Mounted from one"]);
  });

  test("goes on where the connection was cut, where the registry can", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    await using proxy = await CuttingProxy.start(registry.host, [700_000, 1_100_000, 600_000]);
    const source = await havePulled(stores, (one) => serveImage(one, "source:1", single));
    const name = `${proxy.host}/app:1`;
    stores.images.tag(source, parseReference(name));
    const messages = await run(push, stores, name);
    expect(messages.at(-1)?.aux).toMatchObject({ Digest: single.digest });
    // docker-registry drops an upload that was cut: it is sent again from its start.
    if (kind === "docker-registry") return;
    const starts = proxy.heads
      .flatMap((head) => /^content-range: (\d+)-/im.exec(head)?.[1] ?? [])
      .map(Number);
    expect(starts.length).toBeGreaterThanOrEqual(2);
    expect(starts.every((from, at) => from > (starts[at - 1] ?? 100_000))).toBe(true);
    expect(proxy.received).toBeLessThan((single.layers[0]?.bytes.length ?? 0) + 1_500_000);
  });

  test("sends all tags of a repository", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    const source = await havePulled(stores, (one) => serveImage(one, "source:1", image));
    for (const tag of ["a", "b"]) stores.images.tag(source, parseReference(`${registry.host}/app:${tag}`));
    const messages = await run(push, stores, `${registry.host}/app`);
    const done = messages.flatMap(({ status }) => status?.match(/^\w: digest/) ?? []);
    expect(done).toEqual(["a: digest", "b: digest"]);
  });

  test("an index goes as a whole when all of it is here, else the one platform that is", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    const platforms = [
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm64" },
    ] as const;
    const images = platforms.map((platform) => ({
      platform,
      image: makeImage([{ [platform.architecture]: "x" }], platform),
    }));
    await using source = await TestRegistry.start();
    const index = serveIndex(source, "source:1", images);
    const from = `${source.host}/source:1`;
    const name = `${registry.host}/app:1`;
    const transport = testTransport();
    for (const [at, { platform, image: own }] of images.entries()) {
      await pull({ reference: parseReference(from), platform }, { ...stores, transport }, () => {});
      stores.images.tag(from, parseReference(name));
      await run(push, stores, name);
      const remote = await inspectRemote(transport, parseReference(name), {});
      expect(remote.descriptor.digest).toBe(at === 0 ? own.digest : index);
      expect(remote.platforms.length).toBe(at + 1);
    }
  });

  test("an image that is not there", async () => {
    using folder = temporaryFolder();
    await using stores = openStores(folder.path);
    await using registry = await start();
    const name = `${registry.host}/nope:1`;
    await expect(run(push, stores, name)).rejects.toMatchObject({
      code: "notFound",
      message: `An image does not exist locally with the tag: ${registry.host}/nope`,
    });
  });
});

test.if(hasDistribution)("a registry with passwords: log in, push and pull, and not without", async () => {
  using folder = temporaryFolder();
  await using stores = openStores(folder.path);
  const hash = (await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 })).replace("$2b$", "$2y$");
  await using registry = await startDistribution(`u:${hash}\n`);
  const source = await havePulled(stores, (one) => serveImage(one, "source:1", image));
  const name = `${registry.host}/app:1`;
  stores.images.tag(source, parseReference(name));
  const credentials = { username: "u", password: "secret", serveraddress: registry.host };
  const wrong = { ...credentials, password: "x" };

  expect(await login(testTransport(), credentials)).toEqual({ identityToken: "" });
  await expect(login(testTransport(), wrong)).rejects.toMatchObject({
    code: "unauthorized",
    message: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized`,
  });
  await run(push, stores, name, credentials);
  await expect(run(push, stores, name, wrong)).rejects.toThrow("unauthorized: authentication required");
  await expect(run(push, stores, name)).rejects.toThrow("no basic auth credentials");
  const again = await run(pull, stores, name, credentials);
  expect(again.at(-1)?.status).toBe(`Status: Image is up to date for ${name}`);
  await expect(run(pull, stores, name, wrong)).rejects.toThrow("unauthorized: authentication required");
  await run(pull, stores, name, wrong).catch(() => {});
});
