import { expect, test } from "bun:test";
import { NftEvents } from "../../src/linux/nft-events.ts";
import { Nftables } from "../../src/linux/nftables.ts";
import { run, until } from "../harness/process.ts";

test("who changes the rules knows his own changes, also when another was at work at the same time", async () => {
  const [mine, other] = [`mine_${process.pid}`, `other_${process.pid}`];
  const heard = new Set<string>();
  using events = new NftEvents(({ tables = [] }) => {
    for (const table of tables) heard.add(table);
  });
  using nft = new Nftables();
  nft.run(`add table ip ${mine}`);
  // The last transaction before is not our own.
  await run(["nft", "add", "table", "ip", other]);
  events.recogniseSelf((table) => table === mine);
  nft.run(`delete table ip ${mine}`);
  await run(["nft", "delete", "table", "ip", other]);
  await until("the other's change is heard", () => heard.has(other));
  expect(heard.has(mine)).toBe(false);
});
