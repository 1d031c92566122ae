import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { clients, run } from "../harness/process.ts";
import { TestRegistry } from "../harness/registry.ts";

let registry: TestRegistry;
let busybox: string;
let helloWorld: string;

/** The registry's images are indexes; lists are made of manifests. */
async function manifestOf(image: string): Promise<string> {
  const url = `${registry.url}/v2/library/${image}/manifests/latest`;
  const headers = { accept: "application/vnd.oci.image.index.v1+json" };
  const index = (await (await fetch(url, { headers })).json()) as { manifests: { digest: string }[] };
  return `${registry.address}/library/${image}@${index.manifests[0]?.digest}`;
}

beforeAll(async () => {
  registry = await TestRegistry.start();
  busybox = await manifestOf("busybox");
  helloWorld = await manifestOf("hello-world");
});
afterAll(() => registry[Symbol.asyncDispose]());

/** In this order; `B` and `H` stand for a manifest of busybox and hello-world by digest, `R` stands for the registry, `L` for a list of each client's own. */
const steps = [
  "inspect --insecure R/library/busybox",
  "inspect --insecure -v R/library/busybox",
  "create --insecure L B H",
  "create --insecure L B",
  "create --insecure -a L B",
  "inspect L",
  "annotate L H --arch arm64 --variant v8 --os-version 1 --os-features a,b",
  "annotate L R/library/nope --arch arm64",
  "annotate L B --arch foo",
  "inspect -v L H",
  "push --insecure L",
  "rm L",
  "rm L",
  "push --insecure L",
  "inspect --insecure L",
  "inspect --insecure -v L",
  "create --insecure M R/library/nope",
  "create --insecure M L",
  "create --insecure Bad B",
  "create --insecure M B",
  "push -p --insecure M",
  "inspect --insecure M",
];

async function transcript(docker: string, name: string): Promise<string[]> {
  const config = mkdtempSync("/tmp/longshore-manifest-");
  try {
    const seen: string[] = [];
    for (const step of steps) {
      const digested = step.replace(/\bB\b/g, busybox).replace(/\bH\b/g, helloWorld);
      const words = digested
        .replace(/\bR\b/g, registry.address)
        .replace(/ L\b/g, ` ${registry.address}/${name}:l`);
      const command = words.replace(/ M\b/g, ` ${registry.address}/${name}:m`).split(" ");
      const { stdout, stderr, code } = await run([docker, "--config", config, "manifest", ...command]);
      seen.push(`${step}: ${code}\n${stdout}${stderr}`.replaceAll(`/${name}`, "/NAME"));
    }
    return seen;
  } finally {
    rmSync(config, { recursive: true });
  }
}

test("lists of manifests are made, annotated and pushed, as Docker's client does it", async () => {
  const [[, ours] = ["", ""], judge] = clients;
  const seen = await transcript(ours, "ours");
  if (judge) expect(seen).toEqual(await transcript(judge[1], "theirs"));
  const of = (step: string) => seen.find((text) => text.startsWith(`${step}: `)) ?? "";
  expect(of("push --insecure L")).toMatch(/^sha256:[0-9a-f]{64}$/m);
  const list = JSON.parse(of("inspect --insecure L").split("\n").slice(1).join("\n"));
  expect(list.manifests.map(({ platform }: { platform: object }) => platform)).toContainEqual({
    architecture: "arm64",
    os: "linux",
    "os.version": "1",
    "os.features": ["a", "b"],
    variant: "v8",
  });
  expect(of("inspect --insecure M")).toContain('"schemaVersion": 2');
  expect(of("rm L")).toStartWith("rm L: 0");
});

test.each(clients)("%s: a registry that is not there", async (_, docker) => {
  const { stderr, code } = await run([docker, "manifest", "inspect", "127.0.0.1:1/x"]);
  expect(stderr).toMatch(
    /^failed to configure transport: error pinging v2 registry: Get "https?:\/\/127\.0\.0\.1:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/,
  );
  expect(code).toBe(1);
});
