import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { mustRun, run, until } from "../harness/process.ts";
import { debianRoot } from "./debian-root.ts";
import { shopBase, shopPackages, writeShop } from "./debian-shop.ts";

// Where Compose is installed: `apt-get install docker-compose`.
const compose = Bun.which("docker-compose") ?? "";
const canRun = compose !== "" && Bun.which("apt-get") !== null;
let daemon: TestDaemon;

beforeAll(async () => {
  if (canRun) daemon = await TestDaemon.start();
});

afterAll(async () => {
  if (canRun) await daemon[Symbol.asyncDispose]();
});

/** What the page of a container says, once all three services work together. */
async function counted(web: string): Promise<{ cache: number; database: number }> {
  let last = "";
  const answer = /^cache (\d+) database (\d+)\n$/;
  const isCounted = async () => {
    const port = (await daemon.must("port", web)).replace("80/tcp -> ", "");
    last = (await run(["curl", "-s", "-m", "5", `http://${port}/`])).stdout;
    return answer.test(last);
  };
  await until(`${web} counts`, isCounted).catch((error) => expect(`${error}: ${last}`).toBe(""));
  const [, cache, database] = answer.exec(last) ?? [];
  return { cache: Number(cache), database: Number(database) };
}

test.skipIf(!canRun)(
  "docker-compose builds lighttpd, Redis and PostgreSQL from Debian's packages; the data outlives `down`, not `down -v`",
  async () => {
    const root = join(daemon.root, "root.tar");
    const failure = await debianRoot(root, shopPackages);
    if (failure !== undefined) {
      console.warn(`skipped: Debian's packages cannot be fetched: ${failure}`);
      return;
    }
    await daemon.must("import", root, shopBase);
    const directory = join(daemon.root, "shop");
    writeShop(directory);
    const file = ["--project-directory", directory, "-f", join(directory, "docker-compose.yml")];
    const call = (...args: string[]) => mustRun([compose, ...file, ...args], { env: daemon.env });
    const volumes = () => daemon.must("volume", "ls", "-q");

    await call("up", "-d");
    const first = await counted("shop_web_1");
    await call("up", "-d", "--scale", "web=3");
    const scaled = await counted("shop_web_3");
    expect(scaled.cache).toBeGreaterThan(first.cache);
    expect(scaled.database).toBeGreaterThan(first.database);

    await call("down");
    expect(await daemon.must("ps", "-aq")).toBe("");
    expect(await volumes()).toBe("shop_data");
    await call("up", "-d");
    // The cache kept nothing, the database all.
    const after = await counted("shop_web_1");
    expect(after.cache).toBeLessThan(scaled.cache);
    expect(after.database).toBeGreaterThan(scaled.database);

    await call("down", "-v", "--rmi", "all");
    expect(await daemon.must("ps", "-aq")).toBe("");
    expect(await volumes()).toBe("");
    expect(await daemon.must("images", "--format", "{{.Repository}}")).toBe(shopBase);
    expect(await daemon.must("network", "ls", "-q", "--filter", "type=custom")).toBe("");
  },
  240_000,
);
