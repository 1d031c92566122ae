import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../harness/process.ts";

const root = join(import.meta.dir, "../..");
const script = (name: string) => run(["node", join(root, "scripts", name)]);
// A quick start that somebody has running in this checkout is not ours to stop.
const inUse = existsSync(join(root, ".longshore"));

afterAll(async () => {
  if (!inUse) await script("down.mjs");
});

test.skipIf(inUse)(
  "the quick start pulls and runs hello-world, runs it again, and leaves nothing",
  async () => {
    const first = await script("hello-world.mjs");
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).toMatch(
      new RegExp(
        [
          "Unable to find image 'hello-world:latest' locally",
          "latest: Pulling from library/hello-world",
          "([0-9a-f]{12}: .*\n)*[0-9a-f]{12}: Pull complete",
          "Digest: sha256:[0-9a-f]{64}",
          "Status: Downloaded newer image for hello-world:latest\n",
        ].join("\n"),
      ),
    );
    expect(first.stdout).toContain("\nHello from Longshore!\n");
    expect(first.stdout).toContain("docker run -it busybox sh");

    const second = await script("hello-world.mjs");
    expect(second).toMatchObject({ code: 0, stderr: "", stdout: first.stdout });

    const runDirectory = /DOCKER_HOST=unix:\/\/(\S+)\/docker.sock/.exec(first.stdout)?.[1] ?? "";
    expect(existsSync(runDirectory)).toBe(true);
    expect(await script("down.mjs")).toMatchObject({ code: 0, stderr: "" });
    for (const path of [runDirectory, join(root, ".longshore")]) expect(existsSync(path)).toBe(false);
  },
);
