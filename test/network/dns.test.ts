import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createSocket, type RemoteInfo } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseIp } from "../../src/base/ip.ts";
import { silentLogger } from "../../src/base/log.ts";
import { bindSocket } from "../../src/linux/inet-socket.ts";
import { inNetns } from "../../src/linux/namespace.ts";
import { followHostServers } from "../../src/network/dns/host-servers.ts";
import {
  type Answer,
  addressAnswer,
  encodeReply,
  fitted,
  parseQuery,
  type Query,
  rcode,
} from "../../src/network/dns/message.ts";
import { NameResolver } from "../../src/network/dns/resolver.ts";
import type { NameServer } from "../../src/network/name-server.ts";
import type { ConnectRequest } from "../../src/network/types.ts";
import { run, until } from "../harness/process.ts";
import { IsolatedHost, request, type TestDaemon } from "./isolated-host.ts";

/* What containers are answered, asked by dig from inside, with DNS servers of the test's own behind the resolver. */
let host: IsolatedHost;
let resolver: NameResolver;
let daemon: TestDaemon;
let hostFile: string;

beforeAll(async () => {
  host = new IsolatedHost();
  hostFile = join(host.directory, "resolv.conf");
  resolver = new NameResolver(silentLogger, followHostServers(hostFile));
  const names: NameServer = {
    put: async (sandbox) => resolver.put(sandbox),
    drop: (id) => resolver.drop(id),
    replace: async (all) => resolver.replace(all),
    close: async () => {},
  };
  daemon = host.daemon("daemon", {}, 2, names);
  await daemon.networks.start();
  await daemon.networks.reconcile([]);
  await daemon.networks.create({ Name: "net", EnableIPv6: true });
  await daemon.networks.create({ Name: "other" });
});
afterAll(async () => {
  for (const name of ["net", "other"]) await daemon.networks.remove(name);
  await daemon.networks.shutdown();
  resolver[Symbol.dispose]();
  host[Symbol.dispose]();
});

const members: string[] = [];
const servers: Upstream[] = [];
let client = "";
beforeEach(async () => {
  client = (await joined("client")).netns;
});
afterEach(async () => {
  for (const id of members.splice(0)) await daemon.networks.release(id);
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

interface Joined {
  netns: string;
  ip: string;
  ip6: string;
}

async function joined(
  id: string,
  more: Partial<ConnectRequest> & { names?: string[] } = {},
): Promise<Joined> {
  const { names = [id, id.slice(0, 12)], mode = "net", ...rest } = more;
  const endpoints = rest.endpoints ?? [{ network: mode, settings: {}, dnsNames: names }];
  members.push(id);
  const { netnsPath, Networks } = await daemon.networks.connect(request(id, { mode, ...rest, endpoints }));
  const { IPAddress = "", GlobalIPv6Address = "" } = Networks[mode] ?? {};
  return { netns: netnsPath ?? "", ip: IPAddress, ip6: GlobalIPv6Address };
}

/** A DNS server at port 53 of an address of the host, or of a namespace. */
class Upstream implements Disposable {
  asked = 0;
  overTcp = 0;
  readonly ip: string;
  readonly #udp = createSocket("udp4");
  readonly #tcp;

  constructor(ip: string, answer: (query: Query) => Buffer | undefined, netns?: string) {
    this.ip = ip;
    const open = (transport: "udp" | "tcp") => {
      const bind = () => bindSocket(transport, { ip, port: 53 });
      return netns ? inNetns(netns, bind) : bind();
    };
    this.#udp.on("message", (message: Buffer, { port, address }: RemoteInfo) => {
      this.asked++;
      const query = parseQuery(message);
      const reply = query && query !== "malformed" ? answer(query) : undefined;
      if (query && query !== "malformed" && reply) this.#udp.send(fitted(query, reply, 512), port, address);
    });
    this.#udp.bind({ fd: open("udp") });
    this.#tcp = createServer((socket) => {
      socket.on("data", (bytes: Buffer) => {
        this.overTcp++;
        const query = parseQuery(Buffer.from(bytes.subarray(2)));
        const reply = query && query !== "malformed" ? answer(query) : undefined;
        if (!reply) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      });
      socket.on("error", () => {});
    });
    this.#tcp.listen({ fd: open("tcp") });
    servers.push(this);
  }

  [Symbol.dispose](): void {
    this.#udp.close();
    this.#tcp.close();
  }
}

const a = (ip: string): Answer[] => [parseIp(ip)].flatMap((one) => (one ? [addressAnswer(one)] : []));
const says =
  (ip: string, ttl = 60) =>
  (query: Query) =>
    encodeReply(query, rcode.noError, a(ip), ttl);

/** These are the host's servers from now on. */
let version = 0;
async function hostHas(...all: Upstream[]): Promise<void> {
  writeFileSync(hostFile, `${all.map(({ ip }) => `nameserver ${ip}`).join("\n")}\n# ${version++}\n`);
  // It is looked at twice a second.
  await Bun.sleep(550);
}

async function dig(...args: string[]): Promise<string[]> {
  const command = ["dig", "+tries=1", "+time=8", "@127.0.0.11", ...args];
  const { stdout } = await run(["nsenter", `--net=${client}`, ...command]);
  return stdout.trim().split("\n").filter(Boolean);
}
const lookUp = (...args: string[]) => dig("+short", ...args);
let fresh = 0;
/** A name that nobody has asked for yet. */
const unknown = () => `name${fresh++}.example`;

describe("names of containers", () => {
  test("names, aliases, short ids, both families and back again", async () => {
    const id = "0123456789ab".padEnd(64, "0");
    const web = await joined(id, { names: ["web", "alias", id.slice(0, 12)] });
    for (const name of ["web", "WEB", "alias", id.slice(0, 12), "web.net"]) {
      expect(await lookUp(name)).toEqual([web.ip]);
    }
    expect(await lookUp("web", "AAAA")).toEqual([web.ip6]);
    expect(await lookUp("-x", web.ip)).toEqual(["web.net."]);
    expect(await lookUp("-x", web.ip6)).toEqual(["web.net."]);
    expect(await lookUp("+tcp", "web")).toEqual([web.ip]);
    await daemon.networks.release(id);
    await hostHas(new Upstream("127.0.0.61", (query) => encodeReply(query, rcode.noSuchName)));
    expect(await lookUp("web")).toEqual([]);
  });

  test("several answers take turns", async () => {
    const ips = [await joined("one", { names: ["all"] }), await joined("two", { names: ["all"] })].map(
      ({ ip }) => ip,
    );
    const answers = [await lookUp("all"), await lookUp("all")];
    expect(answers.map((one) => one.toSorted())).toEqual([ips.toSorted(), ips.toSorted()]);
    expect(answers[0]).toEqual(answers[1]?.toReversed() ?? []);
  });

  test("names and addresses of other networks are not known", async () => {
    const upstream = new Upstream("127.0.0.61", (query) => encodeReply(query, rcode.noSuchName));
    await hostHas(upstream);
    const secret = await joined("secret", { mode: "other" });
    expect(await lookUp("secret")).toEqual([]);
    expect(await lookUp("secret.other")).toEqual([]);
    expect(await lookUp("-x", secret.ip)).toEqual([]);
    // An address of its own network that nobody has is not asked of others.
    const before = upstream.asked;
    expect(await lookUp("-x", secret.ip.replace(/\.\d+$/, ".77").replace(/^172\.\d+/, "172.255"))).toEqual(
      [],
    );
    const own = (await joined("own")).ip.replace(/\.\d+$/, ".222");
    expect(await lookUp("-x", own)).toEqual([]);
    expect(upstream.asked - before).toBeLessThanOrEqual(1);
  });
});

describe("names of the world", () => {
  test("are kept as long as they may live, with what is left of that", async () => {
    const upstream = new Upstream("127.0.0.61", says("192.0.2.1", 2));
    await hostHas(upstream);
    const name = unknown();
    expect(await lookUp(name)).toEqual(["192.0.2.1"]);
    expect(await lookUp(name.toUpperCase())).toEqual(["192.0.2.1"]);
    expect(upstream.asked).toBe(1);
    await Bun.sleep(1100);
    expect((await dig("+noall", "+answer", name))[0]?.split(/\s+/)[1]).toBe("1");
    await until("it is asked again", async () => (await lookUp(name)).length === 1 && upstream.asked > 1);
  });

  test("come from whoever answers; who never does is not waited for, and soon not asked first", async () => {
    const silent = new Upstream("127.0.0.61", () => undefined);
    const refuses = new Upstream("127.0.0.62", (query) => encodeReply(query, rcode.serverFailure));
    const good = new Upstream("127.0.0.63", says("192.0.2.3"));
    const other = new Upstream("127.0.0.64", says("192.0.2.3"));
    await hostHas(silent, good, other);
    for (let round = 0; round < 10; round++) expect(await lookUp(unknown())).toEqual(["192.0.2.3"]);
    const before = silent.asked;
    for (let round = 0; round < 5; round++) expect(await lookUp(unknown())).toEqual(["192.0.2.3"]);
    expect(silent.asked).toBe(before);
    await hostHas(refuses, good);
    expect(await lookUp(unknown())).toEqual(["192.0.2.3"]);
    await hostHas(refuses);
    expect((await dig(unknown())).join("\n")).toContain("SERVFAIL");
    await hostHas(silent);
    expect((await dig(unknown())).join("\n")).toContain("SERVFAIL");
  });

  test("of any length come over TCP, also to the client", async () => {
    const many = Array.from({ length: 100 }, (_, at) => a(`192.0.2.${at}`)[0] as Answer);
    const upstream = new Upstream("127.0.0.61", (query) => encodeReply(query, rcode.noError, many, 60));
    await hostHas(upstream);
    expect(await lookUp("+bufsize=512", unknown())).toHaveLength(100);
    expect(upstream.overTcp).toBe(1);
  });

  test("follow the host's resolv.conf while it changes", async () => {
    await hostHas(new Upstream("127.0.0.61", says("192.0.2.61")));
    const name = unknown();
    expect(await lookUp(name)).toEqual(["192.0.2.61"]);
    await hostHas(new Upstream("127.0.0.62", says("192.0.2.62")));
    expect(await lookUp(name)).toEqual(["192.0.2.62"]);
  });

  test("are asked of the servers of --dns by the container's own network", async () => {
    const server = await joined("server");
    const upstream = new Upstream(server.ip, says("192.0.2.99"), server.netns);
    await hostHas(new Upstream("127.0.0.61", says("192.0.2.61")));
    client = (await joined("asking", { dns: [server.ip] })).netns;
    expect(await lookUp(unknown())).toEqual(["192.0.2.99"]);
    expect(await lookUp("server")).toEqual([server.ip]);
    expect(upstream.asked).toBe(1);
  });
});

test("what is no question is refused, and the next one is answered", async () => {
  const fd = inNetns(client, () => bindSocket("udp", { ip: "0.0.0.0", port: 0 }));
  const socket = createSocket("udp4");
  socket.bind({ fd });
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  socket.on("message", resolve);
  socket.send(Buffer.of(7), 53, "127.0.0.11");
  socket.send(
    Buffer.concat([Buffer.of(0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), Buffer.alloc(20, 255)]),
    53,
    "127.0.0.11",
  );
  const reply = await promise;
  expect([reply[1], (reply[3] ?? 0) & 15]).toEqual([9, rcode.formatError]);
  socket.close();
  const web = await joined("web");
  expect(await lookUp("web")).toEqual([web.ip]);
});
