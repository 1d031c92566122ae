import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { run, until } from "../harness/process.ts";
import {
  ask,
  hostAddress,
  IsolatedHost,
  outsideAddress,
  request,
  serve,
  type TestDaemon,
} from "./isolated-host.ts";

let host: IsolatedHost;
let count = 0;
const daemons: TestDaemon[] = [];

beforeAll(() => {
  host = new IsolatedHost();
});
afterAll(() => host[Symbol.dispose]());
afterEach(async () => {
  for (const { networks } of daemons.splice(0)) {
    for (const id of Object.keys(networks.inspect("bridge").Containers)) await networks.release(id);
    await networks.shutdown();
  }
});

async function fresh(): Promise<TestDaemon> {
  const daemon = host.daemon(`firewall${++count}`);
  daemons.push(daemon);
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
  return daemon;
}

const port = (hostPort: string) => ({ "80/tcp": [{ HostIp: "", HostPort: hostPort }] });

describe("the firewall's rules", () => {
  const keepsSource = `web to ${outsideAddress}`;
  const fromOutside = () => ask(host.outside, "tcp", { ip: hostAddress, port: 8080 });
  // Without rules a port is relayed: open, but with the gateway as the source.
  const back = () => until("the rules are back", async () => (await fromOutside()) === keepsSource, 5);

  test.each([
    ["everything", () => "flush ruleset"],
    ["our table", (table: string) => `delete table ip ${table}`],
    ["what is in our table", (table: string) => `flush table ip ${table}`],
    ["the published ports", (table: string) => `flush map ip ${table} published_everywhere`],
  ])("come back by themselves when somebody takes away %s", async (_, command) => {
    const { networks, resources } = await fresh();
    const web = await networks.connect(request("web", { portBindings: port("8080") }));
    using _server = serve(web.netnsPath, "tcp", 80, "web");
    await back();
    const table = resources.ofKind("nftTable")[0]?.key ?? "";
    expect(await byOther(command(table))).toBe(0);
    await back();
    // What is forwarded is asked for the administrator's rules first.
    await until("the administrator's chain is there", async () =>
      (await listed("inet longshore")).includes("jump user"),
    );
  });

  test("are asked after those of the administrator, which nobody touches", async () => {
    const { networks } = await fresh();
    const web = await networks.connect(request("web", { portBindings: port("8080") }));
    using _server = serve(web.netnsPath, "tcp", 80, "web");
    await back();
    const rule = `ip saddr ${outsideAddress} meta l4proto tcp ct original proto-dst 8080 counter drop`;
    await byOther(`add rule inet longshore user ${rule}`);
    expect(await fromOutside()).toBe("timeout");
    expect(await ask(undefined, "tcp", { ip: hostAddress, port: 8080 })).toStartWith("web to");
    await networks.reconcile(["web"]);
    expect(await fromOutside()).toBe("timeout");
    await networks.release("web");
    await networks.shutdown();
    daemons.length = 0;
    expect(await listed("inet longshore")).toContain("proto-dst 8080");
    await byOther("delete table inet longshore");
  });

  test("come through a host that drops what it forwards, also when that is loaded anew; ufw is told of", async () => {
    const load =
      "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; chain ufw-user-input { }; }";
    await byOther(load);
    const { networks } = await fresh();
    const web = await networks.connect(request("web", { portBindings: port("8080") }));
    using _server = serve(web.netnsPath, "tcp", 80, "web");
    await back();
    expect(networks.publishWarning).toContain("whatever the rules of ufw say");
    await byOther(`flush chain ip filter FORWARD`);
    expect(await fromOutside()).toBeOneOf([keepsSource, "timeout"]);
    await back();
    await networks.release("web");
    await networks.shutdown();
    daemons.length = 0;
    expect(await listed("ip filter")).not.toContain("accept");
    await byOther("delete table ip filter");
  });
});

test("come through firewalld, which rejects what it was told nothing of, also when it is loaded anew", async () => {
  const load = [
    "table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; policy accept;",
    "ct state established,related accept; ct status dnat accept; reject with icmpx admin-prohibited; }; }",
  ].join("\n");
  await byOther(load);
  const { networks } = await fresh();
  const web = await networks.connect(request("web", { portBindings: port("8080") }));
  using _server = serve(host.outside, "tcp", 99, "out");
  const goesOut = async () =>
    (await ask(web.netnsPath, "tcp", { ip: outsideAddress, port: 99 })) === `out to ${hostAddress}`;
  expect(await goesOut()).toBe(true);
  expect(networks.publishWarning).toContain("whatever the rules of firewalld say");
  await byOther("delete table inet firewalld");
  await byOther(load);
  await until("the rules are back", goesOut);
  await networks.release("web");
  await networks.shutdown();
  daemons.length = 0;
  expect(await listed("inet firewalld")).not.toContain("longshore");
  await byOther("delete table inet firewalld");
});

test.skipIf(!existsSync("/usr/sbin/iptables-legacy"))("a policy of iptables-legacy is seen too", async () => {
  const legacy = async (...args: string[]) => (await run(["iptables-legacy", ...args])).stdout;
  await legacy("-P", "FORWARD", "DROP");
  const { networks } = await fresh();
  const web = await networks.connect(request("web", { portBindings: port("8080") }));
  using _server = serve(web.netnsPath, "tcp", 80, "web");
  await until(
    "it is reached",
    async () =>
      (await ask(host.outside, "tcp", { ip: hostAddress, port: 8080 })) === `web to ${outsideAddress}`,
  );
  await networks.release("web");
  await networks.shutdown();
  daemons.length = 0;
  await until("the rules are gone", async () => !(await legacy("-S", "FORWARD")).includes("longshore"));
  await legacy("-P", "FORWARD", "ACCEPT");
});

/** Runs nft(8) as another process. */
const byOther = (command: string) => Bun.spawn(["nft", command]).exited;
const listed = (table: string) =>
  new Response(Bun.spawn(["nft", "list", "table", ...table.split(" ")]).stdout).text();
