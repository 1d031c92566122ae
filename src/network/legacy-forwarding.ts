import { existsSync, readFileSync } from "node:fs";
import { KeyedQueue } from "../base/async.ts";
import type { Logger } from "../base/log.ts";
import { run } from "../linux/spawn.ts";
import { bridgeMark } from "./host-firewall.ts";

/*
 * Tables that were made by iptables-legacy are none of nftables', and drop what they forward all the same. Only its own
 * program changes them; it is started where there are such tables, when a bridge begins and ends, never for a container.
 */

const program = "/usr/sbin/iptables-legacy";
/** What concerns one bridge is done in order. */
const turns = new KeyedQueue();

function hasLegacyFilter(): boolean {
  const names = "/proc/thread-self/net/ip_tables_names";
  return existsSync(names) && readFileSync(names, "utf8").split("\n").includes("filter");
}

const legacy = async (...args: string[]) =>
  run([program, "--wait", ...args], { stdout: "pipe", stderr: "pipe" });
const rules = (bridge: string) =>
  ["-i", "-o"].map((direction) => [
    "FORWARD",
    ...[direction, bridge, "-m", "comment", "--comment", bridgeMark(bridge), "-j", "ACCEPT"],
  ]);

/** Lets the bridge's traffic through a policy of iptables-legacy that drops what is forwarded. */
export function openLegacyForwarding(bridge: string, log: Logger): void {
  if (!hasLegacyFilter()) return;
  void turns.run(bridge, async () => {
    if (!existsSync(program)) {
      log.warn(
        "there are tables of iptables-legacy, and no iptables-legacy to look whether they drop packets",
      );
      return;
    }
    if (!(await legacy("-S", "FORWARD")).stdout.includes("-P FORWARD DROP")) return;
    for (const rule of rules(bridge)) {
      if ((await legacy("-C", ...rule)).exitCode === 0) continue;
      const { exitCode, stderr } = await legacy("-I", ...rule);
      if (exitCode !== 0)
        log.error("a rule of iptables-legacy cannot be added", { bridge, error: stderr.trim() });
    }
  });
}

/** Takes back what `openLegacyForwarding` added. */
export function closeLegacyForwarding(bridge: string): void {
  if (!hasLegacyFilter() || !existsSync(program)) return;
  void turns.run(bridge, async () => {
    // One that is not there is what is wanted.
    for (const rule of rules(bridge)) await legacy("-D", ...rule);
  });
}
