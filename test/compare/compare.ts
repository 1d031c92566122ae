import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { freePort } from "../harness/registry.ts";
import { done, said } from "./known.ts";
import { hasReference, ReferenceDaemon } from "./reference.ts";
import { commandsOf, runAll, type Step } from "./transcript.ts";

/** The Docker client in Go, where one of version 28 or later is installed. */
function goClient(): string | undefined {
  const found = process.env.DOCKER_GO_CLIENT ?? Bun.which("docker") ?? undefined;
  if (found === undefined) return undefined;
  const { stdout } = spawnSync(found, ["version", "--format", "{{.Client.GoVersion}} {{.Client.Version}}"], {
    encoding: "utf8",
    env: { ...process.env, DOCKER_HOST: "unix:///nonexistent" },
  });
  return Number(/^go\S+ (\d+)/.exec(stdout)?.[1] ?? 0) >= 28 ? found : undefined;
}

const client = goClient();
const missing = !hasReference
  ? "docker.io"
  : client === undefined
    ? "the Docker client in Go (28)"
    : undefined;

/** What differs, as a person reads it. */
function differences(reference: readonly Step[], ours: readonly Step[]): string[] {
  return reference.flatMap(({ command, lines }, index) => {
    const wanted = lines.map((line) => said.reduce((text, [old, now]) => text.replace(old, now), line));
    const got = ours[index]?.lines ?? [];
    if (wanted.join("\n") === got.join("\n") || done.some(([known]) => known.test(command))) return [];
    return [
      [`$ ${command}`, ...wanted.map((line) => `  - ${line}`), ...got.map((line) => `  + ${line}`)].join(
        "\n",
      ),
    ];
  });
}

/**
 * Declares the test that runs the commands of `scripts/NAME.txt` against a real Docker and against ours, side by side,
 * and finds no difference but those of `known.ts`. Skipped where docker.io or the Go client is missing.
 */
export function compareScript(name: string): void {
  if (missing !== undefined) console.warn(`skipped: ${missing} is not installed`);
  describe.skipIf(missing !== undefined)("the same commands against Docker and against ours", () => {
    let daemon: TestDaemon;
    let reference: ReferenceDaemon;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "compare-"));
      daemon = await TestDaemon.start({ images: ["busybox"] });
      reference = await ReferenceDaemon.start(daemon.registry);
      await runAll(["docker pull -q busybox"], {
        host: reference.host,
        clientFolder: dirname(client ?? ""),
        port: 0,
        folder,
        net: "none",
      });
    }, 60_000);
    afterAll(async () => {
      await reference?.[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    }, 60_000);

    test(`${name}: outputs, errors and exit codes`, async () => {
      const commands = commandsOf(await readFile(join(import.meta.dir, "scripts", `${name}.txt`), "utf8"));
      const target = async (host: string, net: string) => ({
        host,
        clientFolder: dirname(client ?? ""),
        port: await freePort(),
        folder: await mkdtemp(join(folder, "files-")),
        net,
      });
      const [theirs, ours] = await Promise.all([
        runAll(commands, await target(reference.host, `10.231.${process.pid % 250}`)),
        runAll(commands, await target(daemon.host, `10.232.${process.pid % 250}`)),
      ]);
      expect(differences(theirs, ours)).toEqual([]);
    }, 600_000);
  });
}
