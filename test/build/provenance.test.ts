/** Provenance of `mode=max`: its operations, and where they stand, are those that Docker 28.5.2 tells of the same Dockerfile. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox", "hello-world"] });
  folder = mkdtempSync(join(tmpdir(), "longshore-provenance-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const dockerfile = `ARG V=latest
FROM busybox:$V AS base
ARG WHO=1
ENV A=$WHO
SHELL ["/bin/sh","-ec"]
FROM base AS made
WORKDIR /w
RUN --mount=type=cache,target=/root/.cache,id=cc,sharing=locked \\
    --mount=type=bind,source=src,target=/src --mount=type=tmpfs,target=/t,size=1m \\
    --mount=type=secret,id=word,target=/run/word,required=true --mount=type=secret,id=word,env=WORD \\
    --mount=type=ssh --network=none \\
    cat /src/x > /out
RUN <<EOF
#!/bin/sh
echo a
EOF
FROM base
COPY --chown=1:2 --chmod=640 src/x /x
COPY --link --from=made /out /out/
COPY --from=hello-world /hello /hello
COPY --exclude=*.md g src /g/
USER daemon
WORKDIR /theirs
COPY <<F /here/
one $A
F
`;

interface Step {
  id: string;
  op: { Op: Record<string, unknown>; platform?: object; constraints?: object };
  inputs?: string[];
}
type Locations = Record<string, { locations?: { ranges: { start: { line: number } }[] }[] }>;
interface Buildkit {
  source: { locations: Locations; infos: Record<string, unknown>[] };
  layers: Record<string, { digest: string }[][]>;
}

async function told(name: string, ...args: string[]): Promise<Record<string, never>> {
  const path = join(folder, "context");
  const files = { Dockerfile: dockerfile, "src/x": "x", "g/a": "a", "g/b.md": "b", "../word": "s3cr3t-w0rd" };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  const secret = `id=word,src=${join(folder, "word")}`;
  await daemon.must("build", "-q", "-t", name, "--secret", secret, ...args, path);
  const response = await fetch(`http://docker/images/${name}/attestations?statement=1`, {
    unix: daemon.socket,
  });
  const [first] = (await response.json()) as { Statement: { predicate: Record<string, never> } }[];
  return first?.Statement.predicate ?? {};
}

const copied = { followSymlink: true, dirCopyContents: true };
const wild = { createDestPath: true, allowWildcard: true, allowEmptyWildcard: true, timestamp: -1 };
const file = (...actions: object[]) => ({ file: { actions } });
const copy = (fields: object, input = 0, secondaryInput = 1, output = 0) => ({
  input,
  secondaryInput,
  output,
  Action: { copy: { mode: -1, ...copied, ...wild, ...fields } },
});
const alone = { input: -1, secondaryInput: -1, output: 0 };
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const meta = (script: string, ...env: string[]) => ({
  args: ["/bin/sh", "-ec", script],
  env: ["WHO=me", PATH, "A=me", ...env],
  cwd: "/w",
  removeMountStubsRecursive: true,
});
const image = async (name: string) => {
  const id = await daemon.inspect(name, "{{.Id}}");
  const identifier = `docker-image://docker.io/library/${name}:latest@${id}`;
  return { source: { identifier, attrs: { "image.resolvemode": "local" } } };
};

/** What was done, with the steps that it was done with: sources where they are first needed. */
async function expected(): Promise<[object, string[]?][]> {
  return [
    [await image("busybox")],
    [{ source: { identifier: "local://context", attrs: { "local.sharedkeyhint": "context" } } }],
    [
      file(
        copy({
          src: "/src/x",
          dest: "/x",
          owner: { user: { User: { byId: 1 } }, group: { User: { byId: 2 } } },
          mode: 0o640,
        }),
      ),
      ["step0:0", "step1:0"],
    ],
    [
      file({
        ...alone,
        input: 0,
        Action: { mkdir: { path: "/w", mode: 0o755, makeParents: true, timestamp: -1 } },
      }),
      ["step0:0"],
    ],
    [
      {
        exec: {
          meta: meta("cat /src/x > /out", "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"),
          mounts: [
            { dest: "/" },
            {
              input: -1,
              dest: "/root/.cache",
              output: -1,
              mountType: 3,
              cacheOpt: { ID: "/cc", sharing: 2 },
            },
            { input: 1, selector: "/src", dest: "/src", output: -1, readonly: true },
            { input: -1, dest: "/t", output: -1, mountType: 4, TmpfsOpt: { size: 1_048_576 } },
            { input: -1, dest: "/run/word", mountType: 1, secretOpt: { ID: "word", mode: 0o400 } },
            {
              input: -1,
              dest: "/run/buildkit/ssh_agent.0",
              mountType: 2,
              SSHOpt: { mode: 0o600, optional: true },
            },
          ],
          network: 2,
          secretenv: [{ ID: "word", name: "WORD", optional: true }],
        },
      },
      ["step3:0", "step1:0"],
    ],
    [
      file({
        ...alone,
        Action: {
          mkfile: { path: "/EOF", mode: 0o755, data: btoa("#!/bin/sh\necho a\n"), timestamp: -1 },
        },
      }),
    ],
    [
      {
        exec: {
          meta: meta("/dev/pipes/EOF"),
          mounts: [
            { dest: "/" },
            { input: 1, selector: "/", dest: "/dev/pipes/", output: -1, readonly: true },
          ],
        },
      },
      ["step4:0", "step5:0"],
    ],
    [file(copy({ src: "/out", dest: "/out/" }, -1, 0)), ["step6:0"]],
    [{ merge: { inputs: [{}, { input: 1 }] } }, ["step2:0", "step7:0"]],
    [await image("hello-world")],
    [file(copy({ src: "/hello", dest: "/hello" })), ["step8:0", "step9:0"]],
    [
      file(
        copy({ src: "/g", dest: "/g/", exclude_patterns: ["*.md"] }, 0, 1, -1),
        copy({ src: "/src", dest: "/g/", exclude_patterns: ["*.md"] }, 2),
      ),
      ["step10:0", "step1:0"],
    ],
    [
      file({
        ...alone,
        input: 0,
        Action: {
          mkdir: {
            path: "/theirs",
            mode: 0o755,
            makeParents: true,
            owner: { user: { User: { byName: { name: "daemon" } } } },
            timestamp: -1,
          },
        },
      }),
      ["step11:0"],
    ],
    [
      file({
        ...alone,
        Action: { mkfile: { path: "/F", mode: 0o644, data: btoa("one me\n"), timestamp: -1 } },
      }),
    ],
    [
      file({
        input: 0,
        secondaryInput: 1,
        output: 0,
        Action: { copy: { src: "/F", dest: "/here/", mode: -1, createDestPath: true, timestamp: -1 } },
      }),
      ["step12:0", "step13:0"],
    ],
    [{}, ["step14:0"]],
  ];
}

test("the operations, their lines and layers; no value of a secret", async () => {
  const { buildConfig, metadata } = await told("old", "--provenance=mode=max", "--build-arg", "WHO=me");
  const { llbDefinition, digestMapping } = buildConfig as unknown as {
    llbDefinition: Step[];
    digestMapping: Record<string, string>;
  };
  const steps: unknown[] = llbDefinition.map(({ op: { Op }, inputs }) => (inputs ? [Op, inputs] : [Op]));
  expect(steps).toEqual(await expected());
  expect(llbDefinition.map(({ id }) => id)).toEqual(steps.map((_, at) => `step${at}`));
  expect(Object.values(digestMapping).sort()).toEqual(llbDefinition.map(({ id }) => id).sort());
  expect(
    llbDefinition.map(({ op }) => op.platform !== undefined).flatMap((is, at) => (is ? [at] : [])),
  ).toEqual([0, 4, 6, 9]);
  const about = metadata as unknown as Record<string, Buildkit>;
  const { source, layers } = about["https://mobyproject.org/buildkit@v1#metadata"] as Buildkit;
  const lines = Object.entries(source.locations).map(([id, { locations = [] }]) => [
    id,
    locations.map(({ ranges }) => ranges.map(({ start }) => start.line)),
  ]);
  expect(Object.fromEntries(lines)).toEqual({
    step0: [[2]],
    step1: [],
    step2: [[18]],
    step3: [[7]],
    step4: [[8, 9, 10, 11, 12]],
    step5: [],
    step6: [[13, 14, 15, 16]],
    step7: [[19]],
    step8: [[19]],
    step9: [[20]],
    step10: [[20]],
    step11: [[21]],
    step12: [[23]],
    step13: [],
    step14: [[24, 25, 26]],
  });
  const counts = ["step0:0", "step7:0", "step8:0", "step14:0"].map((step) => layers[step]?.[0]?.length);
  expect(counts).toEqual([1, 1, 3, 7]);
  expect(source.infos[0]).toMatchObject({
    filename: "Dockerfile",
    language: "Dockerfile",
    data: btoa(dockerfile),
    llbDefinition: [
      {
        id: "step0",
        op: {
          Op: {
            source: {
              identifier: "local://dockerfile",
              attrs: {
                "local.differ": "none",
                "local.followpaths": '["Dockerfile","Dockerfile.dockerignore","dockerfile"]',
                "local.sharedkeyhint": "dockerfile",
              },
            },
          },
        },
      },
      { id: "step1", op: { Op: {} }, inputs: ["step0:0"] },
    ],
  });
  expect(JSON.stringify({ buildConfig, metadata })).not.toContain("s3cr3t-w0rd");
});

test("version 1 has the same in other places", async () => {
  const args = ["--provenance=mode=max,version=v1", "--build-arg", "WHO=me"];
  const { buildDefinition, runDetails } = (await told("new", ...args)) as Record<
    string,
    Record<string, never>
  >;
  const { buildType, externalParameters, internalParameters, resolvedDependencies } = buildDefinition ?? {};
  expect(buildType as unknown).toBe(
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
  );
  expect(externalParameters as unknown).toMatchObject({
    configSource: { path: "Dockerfile" },
    request: {
      frontend: "dockerfile.v0",
      args: { "build-arg:WHO": "me" },
      secrets: [{ id: "word" }],
      ssh: [{ id: "default", optional: true }],
      locals: [{ name: "context" }, { name: "dockerfile" }],
    },
  });
  expect(Object.keys(internalParameters ?? {}).sort()).toEqual(["buildConfig", "builderPlatform"]);
  const uris = (resolvedDependencies as unknown as { uri: string }[]).map(({ uri }) => uri);
  expect(uris).toEqual(
    ["busybox", "hello-world"].map((name) => `pkg:docker/${name}@latest?platform=linux%2Famd64`),
  );
  expect(runDetails?.metadata as unknown).toMatchObject({
    buildkit_metadata: { source: { infos: [{ filename: "Dockerfile" }] } },
    buildkit_completeness: { request: true, resolvedDependencies: false },
  });
});
