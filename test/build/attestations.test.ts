/** What is told of an image beside it: provenance and SBOM, in the store, in registries, in files. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";
import { TestRegistry } from "../harness/registry.ts";

let daemon: TestDaemon;
let other: TestDaemon;
let registry: TestRegistry;
let folder: string;
beforeAll(async () => {
  registry = await TestRegistry.start();
  daemon = await TestDaemon.start({ images: ["busybox"], registry });
  other = await TestDaemon.start({ registry });
  folder = mkdtempSync(join(tmpdir(), "longshore-attest-"));
  await build("--provenance=false", "-t", "scanner", context("scanner", { Dockerfile: scanner }));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Says how many files it has seen, and what it was told. */
const scanner = `FROM busybox
COPY --chmod=755 <<'S' /scan
#!/bin/sh -e
touch /tmp/writable
! touch $BUILDKIT_SCAN_SOURCE/x 2>/dev/null
cat > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<E
{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",
 "predicate":{"spdxVersion":"SPDX-2.3","said":"$(cat $BUILDKIT_SCAN_SOURCE/said) $BUILDKIT_SCAN_HOW"}}
E
S
CMD ["/scan"]
`;

const dockerfile = `FROM busybox AS made
ARG who
RUN --mount=type=secret,id=word test -s /run/secrets/word && echo $who > /said
FROM scratch
COPY --from=made /said /said
`;

function context(name: string, files: Record<string, string>): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

function tryBuild(args: string[], env: Record<string, string> = {}) {
  return run([daemon.client, "build", ...args], { env: { ...daemon.env, ...env } });
}

async function build(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryBuild(["-q", ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** The example, with arguments before the context. */
function example(...args: string[]): Promise<string> {
  const path = context("example", { Dockerfile: dockerfile });
  writeFileSync(join(folder, "word"), "s3cr3t-w0rd");
  return build("--secret", `id=word,src=${join(folder, "word")}`, ...args, path);
}

interface Manifest {
  mediaType: string;
  digest: string;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: { os: string };
  subject?: { digest: string };
  manifests?: Manifest[];
  config?: { digest: string; mediaType: string };
  layers?: Manifest[];
}

interface Statement {
  predicateType: string;
  subject: { name: string; digest: { sha256: string } }[];
  predicate: Record<string, never>;
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${registry.url}/v2/${path}`, {
    headers: {
      accept: "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json",
    },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

/** What the daemon tells of the statements of an image. */
async function statements(image: string, from = daemon): Promise<Statement[]> {
  const response = await fetch(`http://docker/images/${image}/attestations?statement=1`, {
    unix: from.socket,
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { Statement: Statement }[]).map(({ Statement }) => Statement);
}

const slsa02 = "https://slsa.dev/provenance/v0.2";
const metadataOf = (statement: Statement | undefined) =>
  (statement?.predicate.metadata ?? {}) as Record<string, unknown>;

test("an image tells how it was made, and stays the same as long as nothing changes", async () => {
  const id = await example("-t", "default");
  const [statement, ...more] = await statements("default");
  expect(more).toEqual([]);
  expect(statement?.predicateType).toBe(slsa02);
  expect(statement?.subject[0]?.name).toBe("pkg:docker/default@latest?platform=linux%2Famd64");
  const { invocation, materials } = (statement?.predicate ?? {}) as Record<string, unknown>;
  expect(invocation).toEqual({
    configSource: { entryPoint: "Dockerfile" },
    parameters: { frontend: "dockerfile.v0", locals: [{ name: "context" }, { name: "dockerfile" }] },
    environment: { platform: "linux/amd64" },
  });
  const busybox = await daemon.inspect("busybox", "{{.Id}}");
  expect(materials).toEqual([
    { uri: "pkg:docker/busybox@latest?platform=linux%2Famd64", digest: { sha256: busybox.slice(7) } },
  ]);
  expect(await example("-t", "default")).toBe(id);
  expect(await example()).not.toBe(id);
  expect(await example()).toBe(await example());
  expect(await daemon.must("run", "--rm", "busybox", "true")).toBe("");
});

test("it can be switched off", async () => {
  const plain = await example("-t", "plain", "--provenance=false");
  const manifest = JSON.parse(
    await daemon.must("inspect", "plain", "--format", "{{json .Descriptor}}"),
  ) as Manifest;
  expect(manifest.mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
  expect(await statements("plain")).toEqual([]);
  expect(await example("--attest", "type=provenance,disabled=true")).toBe(plain);
  const path = join(folder, "example");
  const secret = ["--secret", `id=word,src=${join(folder, "word")}`];
  const env = { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  expect((await tryBuild(["-q", ...secret, path], env)).stdout.trim()).toBe(plain);
});

test("mode=max tells arguments, steps and the Dockerfile, and no secret's value", async () => {
  await example("-t", "max", "--provenance=mode=max,builder-id=https://me.example", "--build-arg", "who=me");
  const [statement] = await statements("max");
  const { builder, invocation, buildConfig } = (statement?.predicate ?? {}) as Record<
    string,
    Record<string, unknown>
  >;
  expect(builder).toEqual({ id: "https://me.example" });
  expect(invocation?.parameters).toMatchObject({
    args: { "build-arg:who": "me" },
    secrets: [{ id: "word", optional: true }],
  });
  const text = JSON.stringify(statement);
  expect(text).not.toContain("s3cr3t-w0rd");
  expect(text).toContain(Buffer.from(dockerfile).toString("base64"));
  const steps = buildConfig?.llbDefinition as { id: string; op: object; inputs?: string[] }[];
  expect(steps.map(({ id, inputs }) => [id, inputs])).toEqual([
    ["step0", undefined],
    ["step1", ["step0:0"]],
    ["step2", ["step1:0"]],
    ["step3", ["step2:0"]],
  ]);
  expect(metadataOf(statement).completeness).toMatchObject({ parameters: true, materials: false });
  await example("-t", "min", "--provenance=mode=min", "--build-arg", "who=me");
  expect(JSON.stringify(await statements("min"))).not.toContain("build-arg:who");
  await example("-t", "one", "--provenance=version=v1");
  expect((await statements("one"))[0]).toMatchObject({
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: { buildDefinition: { internalParameters: { builderPlatform: "linux/amd64" } } },
  });
});

test("two builds with SOURCE_DATE_EPOCH are one digest", async () => {
  const args = ["--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
  const output = ["--output", "type=image,rewrite-timestamp=true"];
  const first = await example(...args, ...output, "-t", "epoch");
  await daemon.must("rmi", "epoch");
  expect(await example(...args, ...output, "-t", "epoch")).toBe(first);
  expect(metadataOf((await statements("epoch"))[0]).buildStartedOn).toBe("2023-11-14T22:13:20.000000000Z");
});

test("a push sends statements about what the registry gets; what was pulled goes on byte for byte", async () => {
  const name = `${registry.address}/told/image`;
  await example("-t", name, "--provenance=mode=max", "--sbom=generator=scanner");
  await daemon.must("push", "-q", name);
  const index = await ask<Manifest>("told/image/manifests/latest");
  const [image, attestation] = index.manifests ?? [];
  expect(attestation?.platform?.os).toBe("unknown");
  expect(attestation?.annotations).toEqual({
    "vnd.docker.reference.digest": image?.digest ?? "",
    "vnd.docker.reference.type": "attestation-manifest",
  });
  const described = await ask<Manifest>(`told/image/manifests/${attestation?.digest}`);
  expect(described.layers?.map(({ annotations }) => annotations?.["in-toto.io/predicate-type"])).toEqual([
    "https://spdx.dev/Document",
    slsa02,
  ]);
  const config = await ask<{ rootfs: { diff_ids: string[] } }>(
    `told/image/blobs/${described.config?.digest}`,
  );
  expect(config.rootfs.diff_ids).toEqual(described.layers?.map(({ digest }) => digest) ?? []);
  const sent = await ask<Manifest>(`told/image/manifests/${image?.digest}`);
  for (const { digest } of described.layers ?? []) {
    const statement = await ask<Statement>(`told/image/blobs/${digest}`);
    expect(statement.subject.map((subject) => `sha256:${subject.digest.sha256}`)).toEqual([
      image?.digest ?? "",
    ]);
    if (statement.predicateType !== slsa02) continue;
    const layers = Object.values(
      (
        metadataOf(statement)["https://mobyproject.org/buildkit@v1#metadata"] as {
          layers: Record<string, Manifest[][]>;
        }
      ).layers,
    ).flat(2);
    expect(layers.map((layer) => layer.digest)).toContain(sent.layers?.[0]?.digest ?? "");
  }
  await other.must("pull", "-q", name);
  expect((await statements(name, other)).map(({ predicateType }) => predicateType)).toEqual([
    "https://spdx.dev/Document",
    slsa02,
  ]);
  const copy = `${registry.address}/told/copy`;
  await other.must("tag", name, copy);
  await other.must("push", "-q", copy);
  expect(await ask<Manifest>("told/copy/manifests/latest")).toEqual(index);
  await other.must("rmi", name, copy);
});

test("an SBOM is what the scanner's image writes, and is taken from the cache", async () => {
  await example("-t", "listed", "--build-arg", "who=it", "--sbom=generator=scanner,HOW=well");
  const [sbom] = await statements("listed");
  expect(sbom?.predicate as unknown).toEqual({ spdxVersion: "SPDX-2.3", said: "it well" });
  const secret = ["--secret", `id=word,src=${join(folder, "word")}`];
  const again = ["--build-arg", "who=it", "--sbom=generator=scanner,HOW=well", join(folder, "example")];
  const { stderr } = await tryBuild(["--progress=plain", ...secret, ...again]);
  expect(stderr).toMatch(
    /#(\d+) \[linux\/amd64\] generating sbom using docker.io\/library\/scanner:latest\n#\1 CACHED/,
  );
  const missing = await tryBuild([...secret, "--sbom=generator=127.0.0.1:1/none", join(folder, "example")]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("failed to get the image 127.0.0.1:1/none, which makes the SBOM: ");
  await build(
    "--provenance=false",
    "-t",
    "bad",
    context("bad", {
      Dockerfile: 'FROM busybox\nCMD ["sh", "-c", "echo x > $BUILDKIT_SCAN_DESTINATION/y.json"]',
    }),
  );
  const bad = await tryBuild([...secret, "--sbom=generator=bad", join(folder, "example")]);
  expect(bad.stderr).toContain("cannot decode in-toto statement of the scanner (y.json)");
});

test("files have what is told of them beside them, where somebody asks for it", async () => {
  const to = join(folder, "files");
  await example("--output", to);
  expect(readdirSync(to)).toEqual(["said"]);
  rmSync(to, { recursive: true });
  await example("--output", to, "--provenance=true", "--sbom=generator=scanner");
  expect(readdirSync(to).sort()).toEqual(["provenance.json", "said", "sbom.spdx.json"]);
  const statement = JSON.parse(readFileSync(join(to, "provenance.json"), "utf8")) as Statement;
  const hash = new Bun.CryptoHasher("sha256").update(readFileSync(join(to, "said"))).digest("hex");
  expect(statement.subject).toEqual([{ name: "said", digest: { sha256: hash } }]);
});

test("an archive has an index only where somebody asks for statements; an artifact names its subject", async () => {
  const archive = join(folder, "image.tar");
  const entry = async (name: string) =>
    JSON.parse((await run(["tar", "xOf", archive, name])).stdout) as Manifest;
  await example("--output", `type=oci,dest=${archive}`);
  expect((await entry("index.json")).manifests?.[0]?.mediaType).toEndWith("manifest.v1+json");
  await example("--output", `type=oci,dest=${archive},oci-artifact=true`, "--provenance=true");
  const [top] = (await entry("index.json")).manifests ?? [];
  expect(top?.mediaType).toEndWith("index.v1+json");
  const index = await entry(`blobs/${top?.digest.replace(":", "/")}`);
  const [image, attestation] = index.manifests ?? [];
  const artifact = await entry(`blobs/${attestation?.digest.replace(":", "/")}`);
  expect(artifact.artifactType).toBe("application/vnd.docker.attestation.manifest.v1+json");
  expect(artifact.subject?.digest).toBe(image?.digest ?? "");
});

test("what is wrong with it is said before anything is built", async () => {
  const path = context("wrong", { Dockerfile: "FROM busybox\nRUN echo built; false" });
  for (const [args, message] of [
    [["--provenance=mode=most"], 'invalid mode "most"'],
    [["--provenance=version=v9"], "invalid provenance SLSA version: v9"],
    [["--attest=type=magic"], 'unknown attestation type "magic"'],
    [["--attest=mode=max"], "attestation type not specified"],
    [["--attest=type"], "invalid value type"],
  ] as const) {
    const { code, stderr } = await tryBuild(["--progress=plain", ...args, path]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("built");
  }
});
