import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { silentLogger } from "../../src/base/log.ts";
import { serveRegistry } from "../../src/registry/server.ts";
import { RegistryStore } from "../../src/registry/store.ts";

/** A registry as people run it. */
export interface RealRegistry extends AsyncDisposable {
  host: string;
}

/** Our own. */
async function startOwn(): Promise<RealRegistry> {
  const root = mkdtempSync("/tmp/longshore-registry-");
  const store = await RegistryStore.open(root);
  const server = await serveRegistry(store, { host: "127.0.0.1", port: 0, log: silentLogger });
  return {
    host: new URL(server.url).host,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await store[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** github.com/distribution/distribution, from Debian's package `docker-registry`. `users`: an htpasswd file. */
export async function startDistribution(users?: string): Promise<RealRegistry> {
  const root = mkdtempSync("/tmp/longshore-docker-registry-");
  const host = `127.0.0.1:${await freePort()}`;
  const config: Record<string, unknown> = {
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: root } },
    http: { addr: host },
  };
  if (users !== undefined) {
    await Bun.write(join(root, "htpasswd"), users);
    config.auth = { htpasswd: { realm: "test", path: join(root, "htpasswd") } };
  }
  await Bun.write(join(root, "config.yml"), JSON.stringify(config));
  const process = Bun.spawn(["docker-registry", "serve", join(root, "config.yml")], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async () => {
    process.kill();
    await process.exited;
    rmSync(root, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) return { host, [Symbol.asyncDispose]: stop };
    await Bun.sleep(50);
  }
  await stop();
  throw new Error("docker-registry does not answer");
}

/** Debian's package is there. */
export const hasDistribution = Bun.which("docker-registry") !== null;

/** All registries that this machine can run, each with its name. */
export const registries: [name: string, start: () => Promise<RealRegistry>][] = [
  ["our registry", startOwn],
  ...(hasDistribution
    ? [["docker-registry", () => startDistribution()] as [string, () => Promise<RealRegistry>]]
    : []),
];
