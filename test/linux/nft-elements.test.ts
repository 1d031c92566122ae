import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ip, parseIp } from "../../src/base/ip.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createNetns, removeNetns } from "../../src/linux/namespace.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import { SpoofGuard } from "../../src/network/spoof-guard.ts";

const table = "bridge guarded";
const ip = (text: string) => parseIp(text) as Ip;
const end = (n: number) => ({
  link: `veth${n}`,
  addresses: [ip(`10.0.${n >> 8}.${n & 255}`), ip(`fd00::${n.toString(16)}`)],
});

/** Runs `work` with an nftables and a guard of a network namespace of its own. */
function guarded(work: (nft: Nftables, guard: SpoofGuard) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "longshore-nft-"));
  const path = join(folder, "netns");
  try {
    createNetns(path, () => {
      using nft = new Nftables();
      using guard = new SpoofGuard(nft, { table: "guarded", gateways: [ip("10.1.0.1")], log: silentLogger });
      guard.apply();
      work(nft, guard);
    });
  } finally {
    removeNetns(path);
    rmSync(folder, { recursive: true });
  }
}

/** What is in the table, whatever its order. */
const listed = (nft: Nftables) =>
  nft
    .run(`list table ${table}`)
    .split(/[\s,{}]+/)
    .sort();

test("elements are those that nft(8) would have made of the words, however many change at once", () => {
  guarded((nft, guard) => {
    for (let n = 1; n <= 300; n++) guard.admit(end(n));
    const admitted = listed(nft);
    guard.apply();
    expect(admitted).toEqual(listed(nft));
    expect(admitted).toContain('"veth300"');
    for (let n = 1; n < 300; n++) guard.forget(`veth${n}`);
    guard.admit(end(301));
    const left = listed(nft);
    guard.apply();
    expect(left).toEqual(listed(nft));
    expect(left.filter((word) => word.startsWith('"veth')).sort()).toEqual(
      ["veth300", "veth301"].flatMap((name) => Array(3).fill(`"${name}"`)),
    );
  });
});

test("a change that fails changes nothing, and says what it was about", () => {
  guarded((nft, guard) => {
    guard.admit(end(1));
    const before = listed(nft);
    const key = Buffer.from([10, 0, 0, 7]);
    expect(() =>
      nft.bridgeElements.change(
        "guarded",
        [{ set: "owned4", key }],
        [{ set: "ends", key: Buffer.alloc(16) }],
      ),
    ).toThrow("nftables element of guarded ends: no such file or directory");
    expect(listed(nft)).toEqual(before);
  });
});

test("a table that somebody has deleted is made anew", () => {
  guarded((nft, guard) => {
    guard.admit(end(1));
    nft.run(`delete table ${table}`);
    guard.admit(end(2));
    expect(listed(nft)).toContain('"veth1"');
    expect(listed(nft)).toContain('"veth2"');
  });
});
