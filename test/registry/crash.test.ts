import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { RegistryStore } from "../../src/registry/store.ts";
import { serve } from "./program.ts";

const later = { ...systemClock, now: () => Date.now() + 120_000 };

/** Pushes images, moves a tag and deletes others until the registry is gone; notes what was answered with success. */
async function work(url: string, id: number, there: Map<string, string>): Promise<void> {
  const send = async (method: string, path: string, init: RequestInit = {}) =>
    (await fetch(`${url}/v2/${path}`, { ...init, method })).status;
  try {
    for (let n = 0; ; n++) {
      const content = `content ${id} ${n} ${Math.random()}`;
      const digest = sha256Of(content);
      await send("POST", `a/blobs/uploads/?digest=${digest}`, { body: content });
      const layer = { mediaType: mediaTypes.ociLayer, digest, size: content.length };
      const document = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: layer,
        layers: [layer],
      };
      const body = JSON.stringify(document);
      const init = { body, headers: { "Content-Type": document.mediaType } };
      for (const tag of [`c${id}-${n % 5}`, `c${id}-latest`]) {
        there.delete(tag);
        if ((await send("PUT", `a/manifests/${tag}`, init)) === 201) there.set(tag, sha256Of(body));
      }
      const old = `c${id}-${(n + 2) % 5}`;
      there.delete(old);
      await send("DELETE", `a/manifests/${old}`);
    }
  } catch {
    // The registry was killed.
  }
}

/** All tags and manifests that an index has. */
async function listed(store: RegistryStore): Promise<string[]> {
  const tags = await store.database.all<{ name: string; digest: string }>("SELECT name, digest FROM tags");
  const manifests = await store.database.all<{ digest: string }>("SELECT digest FROM manifests");
  return [
    ...tags.map(({ name, digest }) => `${name} ${digest}`),
    ...manifests.map(({ digest }) => digest),
  ].sort();
}

test("a registry that is killed at work keeps what it promised, and its storage says what its index says", async () => {
  const root = await mkdtemp("/tmp/registry-crash-");
  try {
    const there = new Map<string, string>();
    for (let round = 0; round < 3; round++) {
      const running = await serve("--root", root);
      const clients = Array.from({ length: 6 }, (_, id) => work(running.url, id, there));
      await Bun.sleep(400 + 100 * round);
      await running[Symbol.asyncDispose]();
      await Promise.all(clients);
    }
    const store = await RegistryStore.open(root, later);
    await store.mend();
    for (const [tag, digest] of there)
      expect([tag, await store.tags.get("a", tag)]).toEqual([tag, digest as never]);
    const before = await listed(store);
    await store[Symbol.asyncDispose]();
    for (const suffix of ["", "-wal", "-shm"]) await rm(join(root, `index.sqlite${suffix}`), { force: true });
    await using anew = await RegistryStore.open(root);
    expect(await listed(anew)).toEqual(before);
    for (const { digest } of await anew.database.all<{ digest: never }>(
      "SELECT DISTINCT digest FROM manifest_references",
    )) {
      expect(await anew.blobs.size("a", digest)).toBeDefined();
    }
  } finally {
    await rm(root, { recursive: true });
  }
});
