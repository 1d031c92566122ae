import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { run, serve } from "./program.ts";

async function temporaryFolder() {
  const path = await mkdtemp("/tmp/registry-manage-");
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A certificate for this machine, and its key. */
async function makeCertificate(cert: string, key: string): Promise<void> {
  const names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
  const made = Bun.spawn(["openssl", "req", ...options, ...names], { stdout: "ignore", stderr: "ignore" });
  expect(await made.exited).toBe(0);
}

/** The most bytes of memory that a process has had (proc(5), `VmHWM`). */
function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test("users, organisations, tokens and repositories are managed while the server runs, over TLS", async () => {
  await using folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  await makeCertificate(at("cert"), at("key"));
  const root = at("data");
  const manage = async (words: string, input = "") => run([...words.split(" "), "--root", root], input);
  expect(await manage("user add alice --password-stdin", "correct horse\n")).toEqual({
    code: 0,
    stdout: "",
    stderr: "",
  });
  await using registry = await serve(
    "--root",
    root,
    "--accounts",
    "--tls-cert",
    at("cert"),
    "--tls-key",
    at("key"),
  );
  expect(registry.url).toStartWith("https:");
  expect((await manage("organisation add acme --owner alice")).code).toBe(0);
  const token = (await manage("token add alice --label ci --role push --days 2")).stdout.trim();
  const ca = await Bun.file(at("cert")).text();
  const get = (path: string, password: string) =>
    fetch(registry.url + path, {
      tls: { ca },
      headers: { Authorization: `Basic ${btoa(`alice:${password}`)}` },
    } as RequestInit);
  for (const password of ["correct horse", token]) expect((await get("/v2/", password)).status).toBe(200);
  // What arrives over TLS goes to the disk, not into the memory.
  const before = peakMemory(registry.child.pid);
  const content = new Uint8Array(150_000_000);
  const blobs = `${registry.url}/v2/alice/app/blobs/uploads/?digest=${sha256Of(content)}`;
  const headers = { Authorization: `Basic ${btoa(`alice:${token}`)}` };
  const uploaded = await fetch(blobs, { method: "POST", body: content, headers, tls: { ca } } as RequestInit);
  expect(uploaded.status).toBe(201);
  expect(peakMemory(registry.child.pid) - before).toBeLessThan(100_000_000);
  const challenge = await fetch(`${registry.url}/v2/`, { tls: { ca } } as RequestInit);
  expect(challenge.headers.get("www-authenticate")).toStartWith(`Bearer realm="${registry.url}/token"`);
  const listed = (await manage("token ls alice")).stdout;
  expect(listed).toMatch(/^\S+\tci\tpush\t\d{4}-/);
  expect((await manage(`token rm alice ${listed.split("\t")[0]}`)).code).toBe(0);
  expect((await get("/v2/", token)).status).toBe(401);
  expect((await manage("user ls")).stdout).toBe("alice\n");
  // A certificate that cannot be used changes nothing, a renewed one is taken without a restart.
  await Bun.write(at("cert"), "nonsense");
  registry.child.kill("SIGHUP");
  expect((await get("/v2/", "correct horse")).status).toBe(200);
  await makeCertificate(at("cert"), at("key"));
  registry.child.kill("SIGHUP");
  const renewed = { ca: await Bun.file(at("cert")).text() };
  const isRenewed = () =>
    fetch(registry.url, { tls: renewed, keepalive: false } as RequestInit).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isRenewed())) await Bun.sleep(20);
  expect((await manage("gc --dry-run")).stdout).toBe(
    "0 tags, 0 manifests, 0 blobs would be freed: 0 bytes (0B)\n",
  );
  expect((await manage("reindex")).stdout).toBe("0 manifests and 0 tags found\n");
  for (const [words, code, reason] of [
    ["user add alice --password-stdin", 1, "the name alice is taken"],
    ["user add UPPER --password-stdin", 2, "lower-case"],
    ["user add login --password-stdin", 2, "reserved"],
    ["user rm nobody", 1, "there is no user nobody"],
    ["organisation member acme alice king", 2, "invalid role: king"],
    ["repository set none private=yes", 1, "there is no repository none"],
    ["repository set none retention=often", 2, "invalid retention rule: often"],
    ["user", 2, "expected add, rm, ls, passwd, admin"],
    ["gc --role push", 2, "gc has no flag --role"],
    ["token add", 2, "usage: docker-registry token add USER"],
  ] as const) {
    const { code: got, stderr } = await manage(words, "correct horse\n");
    expect([words, got, stderr]).toEqual([words, code, expect.stringContaining(reason)]);
  }
});

test("a configuration in the form of Docker's registry, with the environment and the flags above it", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "config.yml");
  const write = (more: object) =>
    Bun.write(
      file,
      Bun.YAML.stringify({
        version: 0.1,
        storage: { filesystem: { rootdirectory: join(folder.path, "data") }, delete: { enabled: false } },
        http: { addr: "127.0.0.1:0" },
        ...more,
      }),
    );
  await write({ log: { level: "info", accesslog: { path: join(folder.path, "access") } } });
  {
    await using registry = await serve(file, "--addr", "127.0.0.1:0");
    expect((await fetch(`${registry.url}/v2/`, { headers: { "User-Agent": "test" } })).status).toBe(200);
    expect((await fetch(`${registry.url}/v2/a/manifests/x`, { method: "DELETE" })).status).toBe(405);
    const lines = (await Bun.file(join(folder.path, "access")).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines[0]).toMatchObject({
      method: "GET",
      path: "/v2/",
      status: 200,
      agent: "test",
      remote: "127.0.0.1",
    });
    // logrotate moves the file away, and says so.
    await rename(join(folder.path, "access"), join(folder.path, "access.1"));
    registry.child.kill("SIGHUP");
    while (!(await Bun.file(join(folder.path, "access")).exists())) await Bun.sleep(20);
    await fetch(`${registry.url}/v2/`, { method: "HEAD" });
    const read = () => Bun.file(join(folder.path, "access")).text();
    while ((await read()) === "") await Bun.sleep(20);
    expect(JSON.parse(await read())).toMatchObject({ method: "HEAD", bytes: 0 });
  }
  for (const [more, reason] of [
    [{ storage: { s3: { bucket: "b" } } }, "database has to name"],
    [{ htttp: {} }, "htttp is not known"],
    [{ http: { addr: "127.0.0.1:0", tls: { certificate: "x" } } }, "http.tls.key is missing"],
    [{ auth: { htpasswd: { path: "/no/such" } } }, "htpasswd file /no/such"],
    [{ proxies: [{ prefix: "UP", remoteurl: "https://x" }] }, "invalid prefix"],
    [
      { log: { accesslog: { path: "/no/such/file" } } },
      "access log /no/such/file: open /no/such/file: no such file",
    ],
    [{ collect: { interval: "soon" } }, "collect.interval is not a duration"],
    [{ http: { addr: "127.0.0.1:0", trustedproxies: ["10.0.0.0/33"] } }, "10.0.0.0/33 is no address"],
    [{ http: { addr: "127.0.0.1:0", headers: { "a b": ["x"] } } }, "http.headers.a b is not an HTTP header"],
  ] as const) {
    await write(more);
    const { code, stderr } = await run(["serve", file]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
  }
});

test("headers of the configuration, the word of a proxy, and warnings of what has no effect", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "config.yml");
  await Bun.write(
    file,
    Bun.YAML.stringify({
      version: 0.1,
      storage: {
        filesystem: { rootdirectory: join(folder.path, "data") },
        cache: { blobdescriptor: "inmemory" },
      },
      http: { headers: { "Strict-Transport-Security": ["max-age=1000"] } },
      auth: { accounts: { signup: true } },
    }),
  );
  await using registry = await serve(file, "--addr", "127.0.0.1:0");
  const proxied = { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.com" };
  const answer = await fetch(`${registry.url}/v2/`, { headers: proxied });
  expect(answer.headers.get("strict-transport-security")).toBe("max-age=1000");
  expect(answer.headers.get("www-authenticate")).toStartWith('Bearer realm="https://hub.example.com/token"');
  expect((await fetch(`${registry.url}/metrics`)).status).toBe(200);
  const from = { "X-Forwarded-For": "203.0.113.7" };
  expect((await fetch(`${registry.url}/metrics`, { headers: from })).status).toBe(401);

  const refused = await run(["serve", file, "--addr", "nonsense"], "", {
    REGISTRY_PORT: "tcp://10.0.0.1:5000",
  });
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("invalid address: nonsense")]);
  expect(registry.log()).toContain("configuration: storage.cache has no effect here");
});

test("endpoints hear of what retention rules and commands take away", async () => {
  await using folder = await temporaryFolder();
  const seen: { action: string; target: Record<string, unknown>; request: object }[] = [];
  using endpoint = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      seen.push(...((await request.json()) as { events: typeof seen }).events);
      return new Response();
    },
  });
  const file = join(folder.path, "config.yml");
  await Bun.write(
    file,
    Bun.YAML.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(folder.path, "data") } },
      collect: { interval: "100ms" },
      notifications: {
        endpoints: [
          { name: "ci", url: `http://127.0.0.1:${endpoint.port}`, ignore: { actions: ["push", "pull"] } },
        ],
      },
    }),
  );
  await using registry = await serve(file, "--addr", "127.0.0.1:0");
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
  const headers = { "Content-Type": mediaTypes.ociIndex };
  for (const path of ["a/manifests/old", "a/manifests/new", "b/manifests/x"]) {
    expect((await fetch(`${registry.url}/v2/${path}`, { method: "PUT", body, headers })).status).toBe(201);
    await Bun.sleep(5);
  }
  const manage = (words: string) => run([...words.split(" "), "--config", file]);
  expect((await manage("repository set a retention=keep=1")).code).toBe(0);
  while (seen.length < 1) await Bun.sleep(20);
  expect((await manage("repository rm b")).code).toBe(0);
  while (seen.length < 2) await Bun.sleep(20);
  expect(seen.map(({ action, target, request }) => [action, target, request])).toEqual([
    ["delete", { repository: "a", digest: sha256Of(body), tag: "old" }, {}],
    ["delete", { repository: "b" }, {}],
  ]);
});
