import { expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { hostPlatform } from "../../src/oci/platform.ts";
import { buildHelloWorld } from "./build.ts";
import { type Architecture, printingExecutable } from "./elf.ts";
import { greeting } from "./greeting.ts";

const architecture = hostPlatform().architecture as Architecture;

async function withExecutable<T>(message: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp("/tmp/hello-world-");
  try {
    const path = join(folder, "hello");
    await Bun.write(path, printingExecutable(architecture, message));
    await chmod(path, 0o755);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the executable for this machine prints the greeting and nothing else", async () => {
  const result = await withExecutable(greeting(architecture), async (path) => {
    const child = Bun.spawn([path], { stdout: "pipe", stderr: "pipe" });
    return [
      await new Response(child.stdout).text(),
      await new Response(child.stderr).text(),
      await child.exited,
    ];
  });
  expect(result).toEqual([greeting(architecture), "", 0]);
});

test("it fails when it cannot write, or only a part", async () => {
  await withExecutable("0123456789abcdef".repeat(200), async (path) => {
    const full = Bun.spawn(["sh", "-c", `exec ${path} > /dev/full`]);
    expect(await full.exited).toBe(1);
    // The limit lets the first write be short, and refuses the second.
    const limited = Bun.spawn(["sh", "-c", `trap '' XFSZ; ulimit -f 1; exec ${path} > ${path}.out`]);
    expect(await limited.exited).toBe(1);
    expect(Bun.file(`${path}.out`).size).toBeGreaterThan(0);
  });
});

test("the greeting keeps to 80 columns and says how to go on", () => {
  const lines = greeting("amd64").split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(greeting("arm64")).toContain("(arm64)");
  expect(greeting("amd64")).toContain("docker run -it busybox sh");
});

test("the image is the same bytes on every machine", () => {
  const image = buildHelloWorld();
  // Changes with the greeting, the code and the configuration, and with nothing else.
  expect(image.index.digest).toBe("sha256:bbff2efc940d56529b1bb8dd7895f1c30960925a8dbf57ed7f6e1b148d3dc1a1");
});
