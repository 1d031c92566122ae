/** Clients that others wrote: what they push and pull is what they would with any registry. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pushTo } from "../../images/push.ts";
import { builtInImages, type ImageSink, seedImages } from "../../images/seed.ts";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import type { AuthOptions } from "../../src/registry/registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { clients } from "../harness/process.ts";
import { TestRegistry } from "./fixture.ts";

const [user, password] = ["alice", "correct horse battery"];

async function execute(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([...argv], {
    stdin: Buffer.from(`${password}\n`),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...environment },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

async function succeed(...command: Parameters<typeof execute>): Promise<string> {
  const { stdout, stderr, code } = await execute(...command);
  expect([command[0], stderr, code]).toEqual([command[0], expect.any(String), 0]);
  return stdout;
}

/** Pushes in chunks, mounts, and checks all digests. */
const skopeo = (...argv: string[]) => succeed(["skopeo", ...argv]);

test.skipIf(!Bun.which("skopeo"))(
  "skopeo reads, copies, converts, lists and deletes the built-in images",
  async () => {
    await using registry = await TestRegistry.start();
    const stored = await seedImages(await builtInImages({ busybox: "/bin/busybox" }), pushTo(registry.url));
    const source = (name: string) => `docker://${registry.host}/${name}`;
    const copy = ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];

    await skopeo(...copy, "--all", source("library/hello-world"), `oci:${registry.root}/layout:hello`);
    await skopeo(...copy, "--all", `oci:${registry.root}/layout:hello`, source("team/hello:1"));
    const copied = await registry.fetch("HEAD", "team/hello/manifests/1");
    expect(copied.headers.get("docker-content-digest")).toBe(stored.get("library/hello-world:latest") ?? "");

    await skopeo(...copy, "--format", "v2s2", source("library/busybox"), source("team/busybox:docker"));
    await skopeo(...copy, source("library/busybox"), source("team/busybox:oci"));
    const tags = JSON.parse(await skopeo("list-tags", "--tls-verify=false", source("team/busybox")));
    expect(tags.Tags).toEqual(["docker", "oci"]);
    await skopeo("delete", "--tls-verify=false", source("team/busybox:docker"));
    const left = await registry.fetch("GET", "team/busybox/tags/list");
    expect(await left.json()).toEqual({ name: "team/busybox", tags: ["oci"] });
  },
);

/** A registry with busybox in a repository that only alice may read when there is log-in. */
async function startWith(kind: AuthOptions["kind"]) {
  const folder = await mkdtemp("/tmp/registry-peers-");
  const path = join(folder, "users");
  await Bun.write(path, `${user}:${await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 })}\n`);
  const auth: AuthOptions = {
    none: { kind: "none" } as const,
    htpasswd: { kind: "htpasswd", realm: "company", path } as const,
    accounts: { kind: "accounts", signUp: false, private: true } as const,
  }[kind];
  const registry = await TestRegistry.start({ auth });
  if (kind === "accounts") {
    await new Accounts(registry.store.database, registry.store.clock).createUser(user, password);
  }
  const images = await builtInImages({ busybox: "/bin/busybox" });
  const busybox = images.filter(({ repository }) => repository.endsWith("/busybox"));
  const sink: ImageSink = {
    putBlob: (name, { digest, bytes }) => registry.store.putBlob(name, digest, bytes),
    putManifest: async (name, reference, { bytes, mediaType }) => {
      await registry.store.manifests.put(name, reference, bytes, mediaType);
    },
  };
  const renamed = busybox.map((one) => ({ ...one, repository: "alice/busybox" }));
  await seedImages(renamed, sink);
  return {
    registry,
    folder,
    image: (name: string) => `${registry.host}/alice/${name}`,
    digestOf: (name: string, tag: string) => registry.store.tags.get(`alice/${name}`, tag),
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

const kinds = ["none", "htpasswd", "accounts"] as const;

test.skipIf(!Bun.which("skopeo")).each(kinds)("skopeo logs in, copies and inspects: %s", async (kind) => {
  await using started = await startWith(kind);
  const { registry, folder, image } = started;
  const environment = { REGISTRY_AUTH_FILE: join(folder, "auth.json") };
  await Bun.write(environment.REGISTRY_AUTH_FILE, "{}");
  const inspect = ["skopeo", "inspect", "--tls-verify=false", "--raw"];
  if (kind !== "none") {
    expect((await execute([...inspect, `docker://${image("busybox")}`], environment)).code).not.toBe(0);
    const login = ["--tls-verify=false", "--username", user, "--password-stdin", registry.host];
    await succeed(["skopeo", "login", ...login], environment);
  }
  const copy = ["skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
  await succeed([...copy, `docker://${image("busybox")}`, `docker://${image("copy:1")}`], environment);
  expect(await started.digestOf("copy", "1")).toBe(await started.digestOf("busybox", "latest"));
  expect(await succeed([...inspect, `docker://${image("copy:1")}`], environment)).toContain("schemaVersion");
});
const forEach = (peers: readonly string[]) =>
  peers.flatMap((peer) =>
    kinds.map((kind) => [peer, kind === "none" ? "without log-in" : kind, kind] as const),
  );

/** podman and buildah, with a store of their own. */
function container(peer: string, folder: string) {
  const store = [
    "--root",
    join(folder, "store"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "vfs",
  ];
  return (...argv: string[]) => [peer, ...store, ...argv];
}

for (const peer of ["podman", "buildah"]) {
  const isMissing = !Bun.which(peer);
  test.skipIf(isMissing).each(forEach([peer]))(
    `%s logs in, pulls and pushes: %s${isMissing ? ` (skipped: ${peer} is not installed)` : ""}`,
    async (_, __, kind) => {
      await using started = await startWith(kind);
      const { registry, folder, image } = started;
      const command = container(peer, folder);
      const environment = { REGISTRY_AUTH_FILE: join(folder, "auth.json") };
      await Bun.write(environment.REGISTRY_AUTH_FILE, "{}");
      const plain = "--tls-verify=false";
      if (kind !== "none") {
        const refused = await execute(command("pull", plain, image("busybox")), environment);
        expect(refused.code).not.toBe(0);
        const login = ["login", plain, "--username", user, "--password-stdin", registry.host];
        await succeed(command(...login), environment);
      }
      await succeed(command("pull", plain, image("busybox")), environment);
      await succeed(command("tag", image("busybox"), image("copy:1")), environment);
      await succeed(command("push", plain, image("copy:1")), environment);
      expect(await started.digestOf("copy", "1")).toBeDefined();
      await succeed(command("rmi", "--all", "--force"), environment);
      await succeed(command("pull", plain, image("copy:1")), environment);
    },
    60_000,
  );
}

test.each(clients.flatMap(([name, program]) => kinds.map((kind) => [name, kind, program] as const)))(
  "%s logs in, pulls and pushes: %s",
  async (_, kind, program) => {
    await using started = await startWith(kind);
    const { registry, folder, image } = started;
    await using daemon = await TestDaemon.start();
    const environment = { DOCKER_CONFIG: join(folder, "config"), DOCKER_HOST: daemon.host };
    const docker = (...argv: string[]) => [program, ...argv];
    if (kind !== "none") {
      const refused = await execute(docker("pull", image("busybox")), environment);
      expect(refused.code).not.toBe(0);
      await succeed(docker("login", "--username", user, "--password-stdin", registry.host), environment);
    }
    await succeed(docker("pull", image("busybox")), environment);
    await succeed(docker("tag", image("busybox"), image("copy:1")), environment);
    await succeed(docker("push", image("copy:1")), environment);
    expect(await started.digestOf("copy", "1")).toBe(await started.digestOf("busybox", "latest"));
    await succeed(docker("rmi", image("copy:1"), image("busybox")), environment);
    await succeed(docker("pull", image("copy:1")), environment);
    const ran = await succeed(docker("run", "--rm", image("copy:1"), "echo", "here"), environment);
    expect(ran).toBe("here\n");
  },
  60_000,
);

const hasOras = Bun.which("oras") !== null;

test.skipIf(!hasOras).each(kinds)(
  `oras logs in, pushes, attaches, discovers, copies and pulls: %s${hasOras ? "" : " (skipped: oras is not installed)"}`,
  async (kind) => {
    await using started = await startWith(kind);
    const { registry, folder, image } = started;
    const oras = (...argv: string[]) => succeed(["oras", ...argv], { DOCKER_CONFIG: join(folder, "config") });
    const plain = "--plain-http";
    if (kind !== "none") await oras("login", plain, "--username", user, "--password-stdin", registry.host);
    const file = join(folder, "file");
    const type = ["--disable-path-validation", "--artifact-type"];
    await Bun.write(file, "content".repeat(100_000));
    await oras("push", plain, image("art:1"), ...type, "application/vnd.test", file);
    await oras("attach", plain, image("art:1"), ...type, "application/vnd.signature", file);
    const copy = ["copy", "--recursive", "--from-plain-http", "--to-plain-http"];
    await oras(...copy, image("art:1"), image("copy:2"));
    const found = JSON.parse(await oras("discover", plain, "--format", "json", image("copy:2"))) as {
      referrers: { artifactType: string }[];
    };
    expect(found.referrers.map(({ artifactType }) => artifactType)).toEqual(["application/vnd.signature"]);
    await oras("tag", plain, image("copy:2"), "3");
    expect(await oras("repo", "tags", plain, image("copy"))).toBe("2\n3\n");
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(await Bun.file(file).bytes()).digest("hex")}`;
    await oras("blob", "fetch", plain, `${image("copy")}@${digest}`, "--output", join(folder, "fetched"));
    expect(await Bun.file(join(folder, "fetched")).text()).toBe(await Bun.file(file).text());
    await oras("blob", "push", plain, image("other"), join(folder, "fetched"));
    await oras("manifest", "delete", plain, "--force", image("art:1"));
    expect(await started.digestOf("art", "1")).toBeUndefined();
  },
  60_000,
);
