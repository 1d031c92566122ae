import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { silentLogger } from "../../src/base/log.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { Accounts } from "../../src/registry/auth/accounts.ts";
import { defaultRegistryOptions } from "../../src/registry/registry.ts";
import { serveRegistry } from "../../src/registry/server.ts";
import { RegistryStore } from "../../src/registry/store.ts";
import { hasPostgres, startPostgres } from "./services.ts";

test.skipIf(!hasPostgres)(
  `accounts, search, pages and collection on PostgreSQL${hasPostgres ? "" : " (skipped: PostgreSQL is not installed)"}`,
  async () => {
    await using postgres = await startPostgres();
    const root = await mkdtemp("/tmp/registry-postgres-root-");
    try {
      await using store = await RegistryStore.open({ storage: { root }, database: postgres.url });
      const options = {
        ...defaultRegistryOptions,
        auth: { kind: "accounts", signUp: true, private: true } as const,
      };
      const server = await serveRegistry(store, { host: "127.0.0.1", port: 0, log: silentLogger, options });
      const accounts = new Accounts(store.database, store.clock);
      await accounts.createUser("alice", "a long password");
      await accounts.createUser("bob", "a long password");
      await accounts.createOrganisation("acme", "alice");
      const as = async (user: string) => ({
        Authorization: `Basic ${btoa(`${user}:${await accounts.createToken(user, "access")}`)}`,
      });
      const headers = await as("alice");
      const content = "content";
      const blob = `${server.url}/v2/acme/app/blobs/uploads/?digest=${sha256Of(content)}`;
      expect((await fetch(blob, { method: "POST", body: content, headers })).status).toBe(201);
      const part = { mediaType: mediaTypes.ociLayer, digest: sha256Of(content), size: content.length };
      const body = JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: part,
        layers: [part],
      });
      const put = await fetch(`${server.url}/v2/acme/app/manifests/1`, {
        method: "PUT",
        body,
        headers: { ...headers, "Content-Type": mediaTypes.ociManifest },
      });
      expect(put.status).toBe(201);
      const seen = async (path: string, user: string) =>
        (await fetch(server.url + path, { headers: await as(user) })).json();
      expect(await seen("/v1/search?q=app", "alice")).toMatchObject({ num_results: 1 });
      expect(await seen("/v1/search?q=app", "bob")).toMatchObject({ num_results: 0 });
      await accounts.setGrant("acme/app", "bob", "pull");
      expect(await seen("/v2/_catalog", "bob")).toEqual({ repositories: ["acme/app"] });
      await store.repositories.set("acme/app", {
        private: false,
        retention: "keep=1",
        description: "An app",
      });
      for (const path of [
        "/",
        "/?q=app",
        "/?q=%00",
        "/u/acme",
        "/r/acme/app",
        "/r/acme/app?tag=1",
        "/r/acme/app/-/tags/1",
        "/metrics",
        "/healthz",
      ]) {
        expect([path, (await fetch(server.url + path)).status]).toEqual([path, 200]);
      }
      expect(await (await fetch(`${server.url}/r/acme/app`)).text()).toContain("1 tag, 7B in all");
      expect(
        (await fetch(`${server.url}/v2/acme/app/manifests/${sha256Of(body)}`, { method: "DELETE", headers }))
          .status,
      ).toBe(202);
      await Bun.sleep(2);
      expect(await store.collect({ grace: 0, dryRun: true })).toMatchObject({ blobs: 1, bytes: 7 });
      const mounted = await fetch(`${server.url}/v2/acme/b/blobs/uploads/?mount=${part.digest}`, {
        method: "POST",
        headers,
      });
      expect(mounted.status).toBe(201);
      expect((await fetch(`${server.url}/v2/acme/b/manifests/%00`, { headers })).status).toBe(404);
      const typed = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, artifactType: "a\0b", manifests: [] };
      await store.manifests.put("acme/b", "typed", Buffer.from(JSON.stringify(typed)), mediaTypes.ociIndex);
      await store.manifests.removeRepository("acme/b");
      expect(await store.mend()).toBe(0);
      expect(await accounts.search("ALI", { limit: 5, offset: 0 })).toMatchObject([{ name: "alice" }]);
      await Bun.sleep(2);
      expect(await store.collect({ grace: 0 })).toMatchObject({ blobs: 1, bytes: 7 });
      await server.stop();
    } finally {
      await rm(root, { recursive: true });
    }
  },
);
