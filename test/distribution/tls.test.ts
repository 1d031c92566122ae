import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { pull } from "../../src/distribution/pull.ts";
import type { TransportOptions } from "../../src/distribution/transport.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openStores, temporaryFolder, testTransport } from "./stores.ts";
import { makeImage, serveImage } from "./test-image.ts";
import { TestRegistry } from "./test-registry.ts";

const image = makeImage([{ a: "a" }]);
/** Loopback is always insecure, so what is verified has to be somewhere else. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one && !one.internal && one.family === "IPv4")?.address;
const possible = address !== undefined && Bun.which("openssl") !== null;

/** A certificate for `name`, of an authority of its own. */
async function makeCertificates(folder: string, name: string) {
  const run = async (...command: string[]) => {
    const child = Bun.spawn(["openssl", ...command], { cwd: folder, stdout: "ignore", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
  };
  const key = ["-newkey", "rsa:2048", "-nodes"];
  await run("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test");
  await run("req", ...key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=test registry");
  writeFileSync(join(folder, "names"), `subjectAltName=IP:${name}`);
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
  await run("x509", "-req", "-in", "own.csr", "-out", "own.crt", ...signed);
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  return { authority: read("ca.crt"), key: read("own.key"), cert: read("own.crt") };
}

describe.if(possible)("a registry with a certificate of its own authority", () => {
  async function pullWith(
    options: (host: string, folder: string, authority: string) => Partial<TransportOptions>,
  ) {
    using folder = temporaryFolder();
    const { authority, ...tls } = await makeCertificates(folder.path, address ?? "");
    await using registry = await TestRegistry.start(tls, address);
    serveImage(registry, "app:1", image);
    await using stores = openStores(folder.path);
    const transport = testTransport(options(registry.host, folder.path, authority));
    const reference = parseReference(`${registry.host}/app:1`);
    const [pulled] = await pull({ reference }, { ...stores, transport }, () => {});
    return pulled?.digest;
  }

  test("is not trusted by itself", async () => {
    const refused = pullWith(() => ({}));
    await expect(refused).rejects.toThrow(
      /^Get "https:\/\/.*\/v2\/": tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
    );
    await refused.catch(() => {});
  });

  test("is trusted with the authority in certs.d", async () => {
    const digest = await pullWith((host, folder, authority) => {
      const certsDir = join(folder, "certs.d");
      mkdirSync(join(certsDir, host), { recursive: true });
      writeFileSync(join(certsDir, host, "ca.crt"), authority);
      return { certsDir };
    });
    expect(digest).toBe(image.digest);
  });

  test("gets the client certificate that it asks for, also as a mirror", async () => {
    using folder = temporaryFolder();
    const { authority, ...tls } = await makeCertificates(folder.path, address ?? "");
    await using registry = await TestRegistry.start({ ...tls, clients: authority }, address);
    serveImage(registry, "copies/app:1", image);
    await using stores = openStores(folder.path);
    const certsDir = join(folder.path, "certs.d");
    const host = join(certsDir, registry.host);
    mkdirSync(host, { recursive: true });
    writeFileSync(join(host, "ca.crt"), authority);
    const registryMirrors = { "registry.invalid/team": [`${registry.url}/copies`] };
    const pullOnce = () => {
      const transport = testTransport({ certsDir, registryMirrors });
      const reference = parseReference("registry.invalid/team/app:1");
      return pull({ reference }, { ...stores, transport }, () => {});
    };
    await expect(pullOnce()).rejects.toThrow();
    await pullOnce().catch(() => {});
    expect(registry.requests).toEqual([]);
    writeFileSync(join(host, "client.cert"), tls.cert);
    await expect(pullOnce()).rejects.toThrow("missing key client.key for client certificate client.cert");
    await pullOnce().catch(() => {});
    writeFileSync(join(host, "client.key"), tls.key);
    expect((await pullOnce())[0]?.digest).toBe(image.digest);
    expect(stores.images.repositoriesOf(image.digest)).toEqual(["registry.invalid/team/app"]);
  });

  test("is taken as it is when it is in the list of insecure registries", async () => {
    expect(await pullWith((host) => ({ insecureRegistries: [host] }))).toBe(image.digest);
    expect(await pullWith(() => ({ insecureRegistries: [`${address}/32`] }))).toBe(image.digest);
  });
});

test.if(address !== undefined)(
  "plain HTTP is refused where it is not allowed, and used where it is",
  async () => {
    using folder = temporaryFolder();
    await using registry = await TestRegistry.start(undefined, address);
    serveImage(registry, "app:1", image);
    await using stores = openStores(folder.path);
    const reference = parseReference(`${registry.host}/app:1`);
    const refused = pull({ reference }, { ...stores, transport: testTransport() }, () => {});
    await expect(refused).rejects.toThrow(
      `Get "https://${registry.host}/v2/": http: server gave HTTP response to HTTPS client`,
    );
    await refused.catch(() => {});
    expect(registry.requests).toEqual([]);
    const transport = testTransport({ insecureRegistries: [registry.host] });
    const [pulled] = await pull({ reference }, { ...stores, transport }, () => {});
    expect(pulled?.digest).toBe(image.digest);
  },
);
