import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";

describe("links on the default bridge", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ images: ["busybox"] });
    await daemon.must(
      "run",
      "-d",
      "--name",
      "db",
      "--expose",
      "5432",
      "-e",
      "USER=pg",
      "busybox",
      "sleep",
      "1000",
    );
  }, 60_000);
  afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

  const sleeping = ["busybox", "sleep", "1000"];
  const addressOf = (name: string) => daemon.inspect(name, "{{.NetworkSettings.IPAddress}}");

  test("the other is found by alias, name and host name, and told of in variables", async () => {
    await daemon.must("run", "-d", "--name", "web", "--link", "db:store", ...sleeping);
    const address = await addressOf("db");
    const id = (await daemon.inspect("db", "{{.Id}}")).slice(0, 12);
    expect(await daemon.must("exec", "web", "cat", "/etc/hosts")).toContain(`\n${address}\tstore ${id} db\n`);
    const variables = await daemon.must("exec", "web", "env");
    expect(variables).toContain(`STORE_PORT_5432_TCP=tcp://${address}:5432\n`);
    expect(variables).toContain("STORE_NAME=/web/store\n");
    expect(variables).toContain("STORE_ENV_USER=pg\n");
    expect(await daemon.inspect("web", "{{.HostConfig.Links}}")).toBe("[/db:/web/store]");
    expect(await daemon.inspect("web/store", "{{.Name}}")).toBe("/db");
    expect(await daemon.must("ps", "--no-trunc", "--filter", "name=db", "--format", "{{.Names}}")).toBe(
      "db,web/store",
    );
  });

  test("a restart of the other and a rename of either are followed", async () => {
    // Somebody else has the address meanwhile.
    await daemon.must("stop", "-t", "0", "db");
    await daemon.must("run", "-d", "--name", "other", ...sleeping);
    await daemon.must("run", "-d", "--name", "another", ...sleeping);
    await daemon.must("start", "db");
    expect(await daemon.must("exec", "web", "cat", "/etc/hosts")).toContain(
      `${await addressOf("db")}\tstore `,
    );
    await daemon.must("rename", "db", "base");
    await daemon.must("rename", "web", "front");
    expect(await daemon.inspect("front", "{{.HostConfig.Links}}")).toBe("[/base:/front/store]");
    await daemon.must("rename", "base", "db");
    await daemon.must("rename", "front", "web");
  });

  test("rm --link ends the link alone", async () => {
    expect(await daemon.must("rm", "--link", "/web/store")).toBe("/web/store");
    expect(await daemon.must("exec", "web", "cat", "/etc/hosts")).not.toContain("store");
    expect(await daemon.must("ps", "-q", "--filter", "name=db")).not.toBe("");
    expect(await daemon.docker("rm", "--link", "web/store")).toMatchObject({
      stderr: "Error response from daemon: No such container: web/store\n",
      code: 1,
    });
    expect((await daemon.docker("rm", "--link", "web")).stderr).toBe(
      "Error response from daemon: Conflict, cannot remove the default link name of the container\n",
    );
  });

  test("a link that cannot be is refused", async () => {
    await daemon.must("create", "--name", "idle", "busybox");
    const refused: [string[], RegExp][] = [
      [["--link", "nosuch"], /could not get container for nosuch: No such container: nosuch/],
      [["--network", "host", "--link", "db"], /host type networking can't be used with links/],
      [["--link", "idle"], /Cannot link to a non running container: \/idle AS \/\w+\/idle/],
    ];
    for (const [flags, message] of refused) {
      const { stderr, code } = await daemon.docker("run", "--rm", ...flags, "busybox");
      expect(stderr).toMatch(message);
      expect(code).toBe(125);
    }
  });

  test("the host is found without being asked for", async () => {
    const gateway = await daemon.inspect("db", "{{.NetworkSettings.Gateway}}");
    const { stdout } = await daemon.docker("run", "--rm", "busybox", "grep", "host.docker", "/etc/hosts");
    expect(stdout).toBe(`${gateway}\thost.docker.internal\n`);
  });
});
