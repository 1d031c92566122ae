import { createSocket } from "node:dgram";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../src/base/async.ts";
import { type Ip, ipBytes, parseIp, parsePrefix } from "../../src/base/ip.ts";
import { silentLogger } from "../../src/base/log.ts";
import { addAddress, setDefaultRoute } from "../../src/linux/addresses.ts";
import { bindSocket, connectSocket, type InetAddress, type Transport } from "../../src/linux/inet-socket.ts";
import { check, errno, libc, SyscallError } from "../../src/linux/libc.ts";
import { createVeth, findLink, linkUp } from "../../src/linux/links.ts";
import { unmount } from "../../src/linux/mount.ts";
import { mountsBelow } from "../../src/linux/mountinfo.ts";
import { createNetns, inNetns, removeNetns } from "../../src/linux/namespace.ts";
import { NetlinkSocket } from "../../src/linux/netlink.ts";
import { NetworkManager } from "../../src/network/manager.ts";
import type { NameServer } from "../../src/network/name-server.ts";
import type { ConnectRequest, NetworkConfig, NetworkDependencies } from "../../src/network/types.ts";
import { Database } from "../../src/store/database.ts";
import { metaMigrations } from "../../src/store/meta.ts";
import { networkMigrations } from "../../src/store/networks.ts";
import { ResourceTable, resourceMigrations } from "../../src/store/resources.ts";

const CLONE_NEWNET = 0x40000000;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const c = libc({
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
});

function ipOf(text: string): Ip {
  const ip = parseIp(text);
  if (!ip) throw new Error(`not an address: ${text}`);
  return ip;
}

export const hostAddress = "198.51.100.1";
export const outsideAddress = "198.51.100.2";

/**
 * A host of its own for a test file: the test's thread moves into a new network namespace, which has an uplink to a
 * second one, `outside`. Nothing of the real host's network is touched, and everything is gone afterwards.
 */
export class IsolatedHost implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "longshore-network-"));
  readonly outside = join(this.directory, "outside");
  readonly #home = openSync("/proc/thread-self/ns/net", constants.O_RDONLY);

  constructor() {
    check(c.unshare(CLONE_NEWNET), "unshare");
    using host = new NetlinkSocket();
    host.request(linkUp("lo"));
    createNetns(this.outside, (hostFd) => {
      using inside = new NetlinkSocket();
      inside.request(
        createVeth({
          name: "eth0",
          master: 0,
          peer: { name: "uplink0", netnsFd: hostFd, mac: "02:00:00:00:00:01" },
          mtu: 1500,
        }),
        linkUp("lo"),
        linkUp("eth0"),
      );
      const index = findLink(inside, "eth0")?.index ?? 0;
      // The host must be up for the gateway to be accepted later; an address needs no carrier.
      inside.request(addAddress(index, parsePrefix(`${outsideAddress}/24`)));
    });
    host.request(
      linkUp("uplink0"),
      addAddress(findLink(host, "uplink0")?.index ?? 0, parsePrefix(`${hostAddress}/24`)),
    );
    // The outside host knows the way to everything behind this host, as a neighbour with bad intentions would.
    inNetns(this.outside, () => {
      using inside = new NetlinkSocket();
      const index = findLink(inside, "eth0")?.index ?? 0;
      inside.request(setDefaultRoute(ipOf(hostAddress), index));
    });
  }

  /** A daemon's networks. `name` stands for its data root and exec root: the same name is the same daemon, again. */
  daemon(name: string, config: NetworkConfig = {}, poolSize = 2, names?: NameServer): TestDaemon {
    const path = `${this.directory}/${name}.db`;
    return new TestDaemon(join(this.directory, name), path, { config, poolSize, ...(names && { names }) });
  }

  [Symbol.dispose](): void {
    removeNetns(this.outside);
    for (const target of mountsBelow(this.directory)) unmount(target, { detach: true });
    check(c.setns(this.#home, CLONE_NEWNET), "setns");
    closeSync(this.#home);
    rmSync(this.directory, { recursive: true });
  }
}

/** Serves `greeting` and the caller's address on a port inside `netns` (nothing: this host). */
export function serve(
  netns: string | null | undefined,
  transport: Transport,
  port: number,
  greeting: string,
  ip = "0.0.0.0",
): Disposable {
  const bind = () => bindSocket(transport, { ip, port });
  const fd = netns ? inNetns(netns, bind) : bind();
  if (transport === "tcp") {
    const server = createServer((socket) => socket.end(`${greeting} to ${socket.remoteAddress}`));
    server.listen({ fd });
    return { [Symbol.dispose]: () => server.close() };
  }
  const server = createSocket("udp4");
  server.on("message", (_, from) => server.send(`${greeting} to ${from.address}`, from.port, from.address));
  server.bind({ fd });
  return { [Symbol.dispose]: () => server.close() };
}

export class TestDaemon {
  readonly database: Database;
  readonly resources: ResourceTable;
  readonly networks: NetworkManager;
  /** What the daemon has warned of in its log. */
  readonly warnings: string[] = [];

  constructor(
    execRoot: string,
    path: string,
    options: Pick<NetworkDependencies, "config" | "poolSize" | "names">,
  ) {
    this.database = Database.open(path, [...metaMigrations, ...resourceMigrations, ...networkMigrations]);
    this.resources = new ResourceTable(this.database);
    const { database, resources } = this;
    this.networks = new NetworkManager({
      events: () => {},
      database,
      resources,
      execRoot,
      log: { ...silentLogger, warn: (text) => this.warnings.push(text) },
      ...options,
    });
  }

  rows(): string[] {
    return this.database
      .all<{ kind: string; key: string }>("SELECT kind, key FROM resources ORDER BY kind, key")
      .map(({ kind, key }) => `${kind} ${key}`);
  }
}

export function request(containerId: string, more: Partial<ConnectRequest> = {}): ConnectRequest {
  return {
    containerId,
    containerName: `name-of-${containerId}`,
    mode: "bridge",
    exposedPorts: [],
    portBindings: {},
    publishAll: false,
    ...more,
  };
}

/** What a client inside `netns` (undefined: this host) gets from `address`, or the errno's name, or `timeout`. */
export async function ask(
  netns: string | null | undefined,
  transport: Transport,
  address: InetAddress,
  sourcePort?: number,
): Promise<string> {
  const open = () => (sourcePort ? connectFrom(sourcePort, address) : connectSocket(transport, address));
  let fd: number;
  try {
    fd = netns ? inNetns(netns, open) : open();
  } catch (error) {
    return (error as { code: string }).code;
  }
  try {
    return await converse(fd, transport);
  } finally {
    closeSync(fd);
  }
}

/** A UDP socket with a source port of its own choice. */
function connectFrom(sourcePort: number, { ip, port }: InetAddress): number {
  const fd = bindSocket("udp", { ip: "0.0.0.0", port: sourcePort });
  const name = Buffer.alloc(16);
  name.writeUInt16LE(2, 0);
  name.writeUInt16BE(port, 2);
  name.set(ipBytes(ipOf(ip)), 4);
  check(c.connect(fd, name, name.length), "connect");
  return fd;
}

async function converse(fd: number, transport: Transport): Promise<string> {
  const buffer = Buffer.alloc(4096);
  let received = "";
  if (transport === "udp") c.send(fd, Buffer.from("?"), 1, MSG_DONTWAIT);
  for (let waited = 0; waited < 1500; waited += 2) {
    const length = Number(c.recv(fd, buffer, buffer.length, MSG_DONTWAIT));
    const number = length < 0 ? errno() : 0;
    if (length === 0) return received;
    if (length > 0) {
      received += buffer.toString("utf8", 0, length);
      if (transport === "udp") return received;
    } else if (number !== EAGAIN) return new SyscallError("recv", number).code;
    await sleep(2);
  }
  return "timeout";
}
