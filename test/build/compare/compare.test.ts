import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { hasReference, ReferenceDaemon } from "../../compare/reference.ts";
import { TestDaemon } from "../../harness/daemon.ts";
import { dist, run } from "../../harness/process.ts";
import { readCase, writeContext } from "./case.ts";
import { type SavedImage, savedImage } from "./saved-image.ts";

const theirClient = "/usr/bin/docker";
if (!hasReference) console.warn("skipped: docker.io is not installed");

const cases = join(import.meta.dir, "cases");

interface Builder {
  client: string;
  env: Record<string, string>;
}

async function built({ client, env }: Builder, folder: string, args: readonly string[]): Promise<SavedImage> {
  const tag = `compare-${basename(folder)}`;
  // Docker 20.10 now and then waits for ever for a step's container: its builds may begin once more.
  const build = ["timeout", "60", client, "build", "-t", tag, ...args, folder];
  const { code, stdout, stderr } = await run(build, { env }).then((first) =>
    first.code === 124 && client === theirClient ? run(build, { env }) : first,
  );
  if (code !== 0) throw new Error(`${client} build: ${stdout}${stderr}`);
  return savedImage([client], env, tag);
}

/** What the BuildKit of Docker 20.10 says in other words than the one whose words are ours. */
function now(line: string): string {
  return (
    line
      .replace(/^EXPOSE map\[(.*?)\]/, (_, ports: string) => `EXPOSE [${ports.replaceAll(":{}", "")}]`)
      // It gave directories of the context the time of the copy.
      .replace(/^(\S+ directory .*) (?:new|copied)$/, "$1")
      .replace(/^ARG .*? \|/, (line) => line.replace(/=\S*/g, ""))
      .replace(/^HEALTHCHECK .* \| buildkit/, "HEALTHCHECK | buildkit")
      .replace(/^((?:COPY|ADD) )(?:--ch(?:own|mod)=\S+ )+/, "$1")
  );
}

/** Lines that only one of the two has, as a person reads them. */
function differences(wanted: SavedImage, got: SavedImage, fields: readonly (keyof SavedImage)[]): string[] {
  return fields.flatMap((field) => {
    const [theirs, ours] = [wanted[field].flat().map(now), got[field].flat().map(now)];
    return [
      ...theirs.filter((line) => !ours.includes(line)).map((line) => `${field} - ${line}`),
      ...ours.filter((line) => !theirs.includes(line)).map((line) => `${field} + ${line}`),
    ];
  });
}

describe.skipIf(!hasReference)("the same builds by Docker and by ours", () => {
  let daemon: TestDaemon;
  let reference: ReferenceDaemon;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "longshore-compare-"));
    daemon = await TestDaemon.start({ images: ["busybox"] });
    reference = await ReferenceDaemon.start(daemon.registry);
    await run([theirClient, "pull", "-q", "busybox"], { env: { DOCKER_HOST: reference.host } });
  }, 60_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await reference?.[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  }, 60_000);

  for (const file of readdirSync(cases)) {
    const name = basename(file, ".case");
    test(`${name}: files, owners, modes, configuration and history`, async () => {
      const wanted = readCase(join(cases, file));
      const context = join(folder, name);
      writeContext(context, wanted);
      const ours = { client: join(dist, "docker"), env: { DOCKER_HOST: daemon.host } };
      const theirs = (kit: string) => ({
        client: theirClient,
        env: { DOCKER_HOST: reference.host, DOCKER_BUILDKIT: kit },
      });
      const [buildkit, made] = await Promise.all([
        built(theirs("1"), context, wanted.arguments),
        built(ours, context, wanted.arguments),
      ]);
      const found = differences(buildkit, made, ["files", "layers", "config", "history"]);
      if (wanted.classic) {
        const classic = await built(theirs("0"), context, wanted.arguments);
        found.push(...differences(classic, made, ["files"]).map((line) => `classic ${line}`));
      }
      expect(found).toEqual([]);
    }, 240_000);
  }
});
