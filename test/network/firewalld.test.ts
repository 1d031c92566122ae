import { afterAll, beforeAll, expect, test } from "bun:test";
import { run, until } from "../harness/process.ts";
import { ask, hostAddress, IsolatedHost, outsideAddress, request, serve } from "./isolated-host.ts";
import { hasFirewalld, RealFirewalld } from "./real-firewalld.ts";

/* A real firewalld beside us. */
let host: IsolatedHost;
let firewalld: RealFirewalld;

beforeAll(async () => {
  host = new IsolatedHost();
  if (hasFirewalld) firewalld = await RealFirewalld.start(host.directory);
}, 90_000);
afterAll(async () => {
  if (hasFirewalld) await firewalld[Symbol.asyncDispose]();
  host[Symbol.dispose]();
});

test.skipIf(!hasFirewalld)(
  "firewalld is told of our bridges: published ports, the way out and the way to the host are open, after each reload too",
  async () => {
    const { networks } = host.daemon("firewalld");
    await networks.start();
    await networks.reconcile([]);
    const own = { mode: "own", endpoints: [{ network: "own", settings: {}, dnsNames: [] }] };
    await networks.create({ Name: "own" });
    const inZone = async () =>
      (await firewalld.ask("--zone=docker", "--list-interfaces")).split(/\s+/).sort();
    const bridges = () =>
      ["bridge", "own"].map((name) => {
        const { Id, Options } = networks.inspect(name);
        return Options?.["com.docker.network.bridge.name"] ?? `br-${Id.slice(0, 12)}`;
      });
    await until("both are in the zone", async () => `${await inZone()}` === `${bridges().sort()}`);

    const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8080" }] };
    const web = await networks.connect(request("web", { portBindings }));
    const other = await networks.connect(request("other", own));
    using _server = serve(web.netnsPath, "tcp", 80, "web");
    using _outside = serve(host.outside, "tcp", 99, "out");
    using _host = serve(undefined, "tcp", 77, "host");
    const gateway = networks.inspect("own").IPAM.Config?.[0]?.Gateway ?? "";
    const asked = async () => ({
      published: await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 }),
      out: await ask(web.netnsPath, "tcp", { ip: outsideAddress, port: 99 }),
      own: await ask(other.netnsPath, "tcp", { ip: outsideAddress, port: 99 }),
      host: (await ask(other.netnsPath, "tcp", { ip: gateway, port: 77 })).split(" ")[0],
      closed: await ask(host.outside, "tcp", { ip: hostAddress, port: 77 }),
    });
    const open = {
      published: `web to ${outsideAddress}`,
      ...{ out: `out to ${hostAddress}`, own: `out to ${hostAddress}`, host: "host" },
      // What is not ours to open stays closed.
      closed: "EHOSTUNREACH",
    };
    const works = async (when: string) => {
      let last: unknown;
      const all = async () => {
        last = await asked();
        return Bun.deepEquals(last, open);
      };
      await until(when, all, 10).catch(() => expect(last).toEqual(open));
    };
    await works("all is open");
    expect(networks.publishWarning).toContain("whatever the rules of firewalld say");
    // It knows of the bridges: no rule of ours is needed in its table.
    expect((await run(["nft", "list", "table", "inet", "firewalld"])).stdout).not.toContain("longshore br");

    for (const reload of ["--reload", "--complete-reload"]) {
      await firewalld.ask(reload);
      await works(`all is open after ${reload}`);
    }
    await firewalld.down();
    await until(
      "its table is gone",
      async () => !(await run(["nft", "list", "tables"])).stdout.includes("firewalld"),
    );
    expect(await asked()).toEqual({ ...open, closed: `host to ${outsideAddress}` });
    await firewalld.up();
    await works("all is open after a restart");

    // What the administrator has decided for a bridge stays.
    await firewalld.ask("--zone=trusted", `--change-interface=${bridges()[0]}`);
    await networks.create({ Name: "third" });
    expect(await firewalld.ask("--zone=trusted", "--list-interfaces")).toBe(bridges()[0] ?? "");
    await networks.remove("third");
    await until("it has left", async () => (await inZone()).join() === bridges()[1]);

    for (const container of ["web", "other"]) await networks.release(container);
    await networks.shutdown();
    expect(await inZone()).toEqual([""]);
  },
  120_000,
);
