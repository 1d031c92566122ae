import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SyscallError } from "../../src/linux/libc.ts";
import { createBridge, findLink, linkUp, listLinks } from "../../src/linux/links.ts";
import { isMountPoint } from "../../src/linux/mountinfo.ts";
import { createNetns, inNetns, removeNetns } from "../../src/linux/namespace.ts";
import { decodeAttributes, encodeAttributes, NetlinkSocket, text, u32 } from "../../src/linux/netlink.ts";
import { Nftables } from "../../src/linux/nftables.ts";

let directory = "";
let pin = "";
const here = () => readlinkSync("/proc/thread-self/ns/net");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "longshore-netns-"));
  pin = join(directory, "pin");
});

afterEach(() => {
  removeNetns(pin);
  rmSync(directory, { recursive: true });
});

test("a namespace lives by its pin alone, and the thread is back where it was", () => {
  const home = here();
  const inside = createNetns(pin, here);
  expect(here()).toBe(home);
  expect(inside).not.toBe(home);
  expect(inNetns(pin, here)).toBe(inside);
  expect(removeNetns(pin)).toBe(true);
  expect(existsSync(pin)).toBe(false);
  expect(removeNetns(pin)).toBe(false);
});

test("work that fails inside a new namespace leaves no pin, and the thread at home", () => {
  const home = here();
  const fail = () => {
    throw new Error("halfway");
  };
  expect(() => createNetns(pin, fail)).toThrow("halfway");
  expect(here()).toBe(home);
  expect(isMountPoint(pin)).toBe(false);
  expect(existsSync(pin)).toBe(false);
});

test("a name that is taken is refused, and what has it stays", () => {
  const inside = createNetns(pin, here);
  expect(() => createNetns(pin, here)).toThrow("EEXIST");
  expect(inNetns(pin, here)).toBe(inside);
});

test("netlink does all messages of a request that it can, and tells of the first that failed", () => {
  createNetns(pin, () => {
    using socket = new NetlinkSocket();
    const bridge = (name: string) => createBridge(name, { mac: "02:00:00:00:00:01", mtu: 1400 });
    socket.request(bridge("br0"));
    let failure: unknown;
    try {
      socket.request(linkUp("br0"), bridge("br0"), linkUp("nosuch0"), bridge("br1"));
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(SyscallError);
    expect(failure).toMatchObject({ code: "EEXIST", message: "netlink bridge br0: file exists" });
    expect(findLink(socket, "br0")).toMatchObject({
      kind: "bridge",
      up: true,
      mtu: 1400,
      mac: "02:00:00:00:00:01",
    });
    expect(
      listLinks(socket)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["br0", "br1", "lo"]);
    expect(findLink(socket, "nosuch0")).toBeUndefined();
  });
});

test("attributes survive their way, and broken lengths end the reading", () => {
  const bytes = encodeAttributes([
    [1, text("odd")],
    [2, [[7, u32(42)]]],
  ]);
  const decoded = decodeAttributes(bytes);
  expect(decoded.get(1)?.toString()).toBe("odd\0");
  expect(
    decodeAttributes(decoded.get(2) ?? Buffer.alloc(0))
      .get(7)
      ?.readUInt32LE(0),
  ).toBe(42);
  for (const length of [0, 3, 200]) {
    bytes.writeUInt16LE(length, 8);
    expect([...decodeAttributes(bytes).keys()]).toEqual([1]);
  }
});

test("nftables takes all commands of a run or none, and gives its own words", () => {
  createNetns(pin, () => {
    using nft = new Nftables();
    expect(() => nft.run("add table ip one\nadd rule ip nosuch input accept")).toThrow(
      "No such file or directory",
    );
    expect(nft.run("list ruleset")).toBe("");
    nft.run("add table ip one");
    expect(nft.list("list tables").some((object) => object.table?.name === "one")).toBe(true);
    expect(nft.run("list tables")).toBe("table ip one\n");
  });
});
