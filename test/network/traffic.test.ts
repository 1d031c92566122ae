import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bindSocket } from "../../src/linux/inet-socket.ts";
import type { SyscallError } from "../../src/linux/libc.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run, until } from "../harness/process.ts";
import { TestRegistry } from "../harness/registry.ts";
import { hostAddress, IsolatedHost, outsideAddress } from "./isolated-host.ts";
import { importBusybox } from "./local-image.ts";

/*
 * A whole daemon in a network namespace of its own, with real servers and clients in containers, on its host and on
 * another host.
 */
let host: IsolatedHost;
let daemon: TestDaemon;
let registry: TestRegistry;
let pages: string;
const folder = mkdtempSync("/tmp/longshore-traffic-");

beforeAll(async () => {
  // It is out of reach from there: the image is imported.
  registry = await TestRegistry.start();
  host = new IsolatedHost();
  daemon = await TestDaemon.start({ registry });
  await importBusybox(daemon, folder);
  pages = join(folder, "pages");
  mkdirSync(join(pages, "cgi-bin"), { recursive: true });
  // The server in the container listens on IPv6 too, and writes IPv4 addresses so.
  const script = ["#!/bin/sh", "echo", 'echo "$HOSTNAME sees $REMOTE_ADDR" | tr -d "[]" | sed s/::ffff://'];
  writeFileSync(join(pages, "cgi-bin/who"), `${script.join("\n")}\n`);
  chmodSync(join(pages, "cgi-bin/who"), 0o755);
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  host?.[Symbol.dispose]();
  await registry?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Programs of the host run in the containers. */
const system = ["/usr", "/lib", "/lib64"].flatMap((path) => ["-v", `${path}:${path}:ro`]);
const start = (name: string, options: string[], ...command: string[]) =>
  daemon.must("run", "-d", "--name", name, "-h", name, ...options, "busybox", ...command);
const web = (name: string, ...options: string[]) =>
  start(name, ["-v", `${pages}:/www:ro`, ...system, ...options], "httpd", "-f", "-h", "/www");
const curl = ["curl", "-sg", "--max-time", "3"];
const page = (where: string) => `http://${where}/cgi-bin/who`;
async function answer(command: readonly string[]): Promise<string> {
  const { stdout, code } = await run(command);
  return code === 0 ? stdout.trim() : `exit ${code}`;
}
const fromHost = (where: string) => answer([...curl, page(where)]);
const outside = (...command: string[]) => ["nsenter", `--net=${host.outside}`, ...command];
const fromOutside = (where: string) => answer(outside(...curl, page(where)));
const fromContainer = (name: string, where: string) =>
  daemon.must("exec", name, "/usr/bin/curl", ...curl.slice(1), page(where));

describe("a published port", () => {
  beforeAll(async () => {
    await web("server", "-p", "8080:80", "-p", "127.0.0.1:8081:80");
    await web("other");
    await until("the server listens", async () => (await fromHost("127.0.0.1:8080")).startsWith("server"));
  });
  afterAll(() => daemon.must("rm", "-f", "server", "other"));

  test("is reached from another host, which keeps its address", async () => {
    expect(await fromOutside(`${hostAddress}:8080`)).toBe(`server sees ${outsideAddress}`);
    expect(await fromOutside(`${hostAddress}:8081`)).toBe("exit 7");
  });

  test.each(["127.0.0.1:8080", "localhost:8080", "[::1]:8080", `${hostAddress}:8080`, "127.0.0.1:8081"])(
    "is reached from the host by %s",
    async (where) => {
      expect(await fromHost(where)).toStartWith("server sees ");
    },
  );

  test("is reached from containers by the host's address, from its own too", async () => {
    expect(await fromContainer("other", `${hostAddress}:8080`)).toStartWith("server sees ");
    expect(await fromContainer("server", `${hostAddress}:8080`)).toStartWith("server sees ");
  });

  test("is not given to two containers; the second leaves nothing behind", async () => {
    const { stderr, code } = await daemon.docker(
      "run",
      "--name",
      "late",
      "-p",
      "8090:80",
      "-p",
      "8080:80",
      "busybox",
      "true",
    );
    expect(code).toBe(125);
    expect(stderr).toContain("Bind for 0.0.0.0:8080 failed: port is already allocated");
    await daemon.must("rm", "late");
    expect(await fromHost("127.0.0.1:8090")).toBe("exit 7");
    await web("early", "-p", "8090:80");
    await daemon.must("rm", "-f", "early");
  });

  test.skipIf(!Bun.which("iperf3"))("carries what iperf3 sends", async () => {
    await start(
      "sink",
      [...system, "--tmpfs", "/tmp", "-p", "5201:5201", "-p", "5201:5201/udp"],
      "/usr/bin/iperf3",
      "-s",
    );
    const client = ["iperf3", "-c", hostAddress, "-t", "1"];
    const sends = (command: string[]) =>
      // The server is busy for a moment after each.
      until(`it answers to ${command.join(" ")}`, async () => (await run(command)).code === 0);
    await sends(client);
    await sends(outside(...client));
    await sends(outside(...client, "-u"));
    await daemon.must("rm", "-f", "sink");
  });
});

test("a container with an IPv6 address is reached by IPv6, and sees who calls", async () => {
  const address6 = "2001:db8:77::1";
  const outside6 = "2001:db8:77::2";
  await run(["ip", "addr", "add", `${address6}/64`, "dev", "uplink0", "nodad"]);
  await run(outside("ip", "addr", "add", `${outside6}/64`, "dev", "eth0", "nodad"));
  const created = await fetch("http://d/v1.50/networks/create", {
    unix: daemon.socket,
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ Name: "six", EnableIPv6: true, IPAM: { Config: [{ Subnet: "fd00:77::/64" }] } }),
  });
  expect(created.status).toBe(201);
  await web("six", "--network", "six", "-p", "8086:80");
  const by6 = (address: string) => `[${address}]:8086`;
  await until("the server listens", async () => (await fromHost("127.0.0.1:8086")).startsWith("six"));
  expect(await fromOutside(by6(address6))).toBe(`six sees ${outside6}`);
  expect(await fromOutside(`${hostAddress}:8086`)).toBe(`six sees ${outsideAddress}`);
  expect(await fromHost(by6(address6))).toStartWith("six sees ");
  expect(await fromHost(by6("::1"))).toStartWith("six sees ");
  expect(await fromContainer("six", by6(address6))).toStartWith("six sees ");
  await daemon.end("SIGKILL");
  // No process of ours is needed for what the kernel carries.
  expect(await fromOutside(by6(address6))).toBe(`six sees ${outside6}`);
  expect(await fromOutside(`${hostAddress}:8086`)).toBe(`six sees ${outsideAddress}`);
  await daemon.launch();
  expect(await fromOutside(by6(address6))).toBe(`six sees ${outside6}`);
  await daemon.must("rm", "-f", "six");
  expect((await fetch("http://d/v1.50/networks/six", { unix: daemon.socket, method: "DELETE" })).status).toBe(
    204,
  );
});

test("what is relayed, and who holds the ports, does not depend on the daemon", async () => {
  await web("relayed", "-p", "8087:80", "-p", "8087:80/udp");
  const address = { ip: "0.0.0.0", port: 8087 };
  const bind = (transport: "tcp" | "udp") => {
    try {
      closeSync(bindSocket(transport, address));
      return "free";
    } catch (error) {
      return (error as SyscallError).code;
    }
  };
  await until("the server listens", async () => (await fromHost("[::1]:8087")).startsWith("relayed"));
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  const early = await Bun.connect({
    hostname: "::1",
    port: 8087,
    socket: { data: (_, bytes) => resolve(bytes.toString()), close: () => resolve("closed") },
  });
  await daemon.end("SIGKILL");
  early.write("GET /cgi-bin/who HTTP/1.0\r\n\r\n");
  expect(await answered).toStartWith("HTTP/1.");
  expect(await fromHost("[::1]:8087")).toStartWith("relayed sees");
  expect([bind("tcp"), bind("udp")]).toEqual(["EADDRINUSE", "EADDRINUSE"]);
  await daemon.launch();
  expect(await fromHost("[::1]:8087")).toStartWith("relayed sees");
  const resolver = (await run(["pgrep", "-f", `resolver --exec-root ${daemon.execRoot}`])).stdout.trim();
  process.kill(Number(resolver), "SIGKILL");
  await until("another one relays", async () => (await fromHost("[::1]:8087")).startsWith("relayed sees"));
  await daemon.must("rm", "-f", "relayed");
  expect([bind("tcp"), bind("udp")]).toEqual(["free", "free"]);
});

test("fifty published containers are reached again at once after somebody flushed all rules", async () => {
  const names = Array.from({ length: 50 }, (_, number) => `many${number}`);
  const where = (number: number) => `${hostAddress}:${9000 + number}`;
  const started = (name: string, number: number) => web(name, "-p", `${9000 + number}:80`);
  for (let at = 0; at < names.length; at += 10) {
    await Promise.all(names.slice(at, at + 10).map((name, step) => started(name, at + step)));
  }
  const all = async () => {
    const urls = names.map((_, number) => page(where(number)));
    const { stdout } = await run(outside(...curl, "--max-time", "1", ...urls));
    return stdout.split("\n").filter((line) => line.endsWith(` sees ${outsideAddress}`)).length;
  };
  await until("all are reached", async () => (await all()) === names.length);
  expect(await run(["nft", "flush", "ruleset"])).toMatchObject({ code: 0 });
  await until("all are reached again", async () => (await all()) === names.length, 10);
  await daemon.must("rm", "-f", ...names);
});
