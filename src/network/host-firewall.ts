import type { Nftables, NftObject } from "../linux/nftables.ts";
import { userTable } from "./user-chain.ts";

/*
 * A packet has to pass every table. Where the host's own `ip filter` table drops what it forwards (ufw, a Docker
 * beside us), ours cannot let containers through: that takes two rules in the host's chain. They carry a comment, by
 * which they are found again; nothing else in that table is touched.
 */

/** Tables of the host in which a change may concern containers. */
export const hostTables: readonly string[] = ["filter", "firewalld", userTable];

interface Chain {
  table: string;
  name: string;
  policy?: string;
}

interface Rule {
  handle: number;
  comment?: string;
}

function entries<T>(objects: NftObject[], kind: string): T[] {
  return objects.flatMap((object) => (kind in object ? [object[kind] as unknown as T] : []));
}

/** What is told to who publishes a port on all addresses of a host with such a firewall. */
export function publishWarning(firewall: string): string {
  return (
    `Published ports are reached from everywhere, whatever the rules of ${firewall} say: name an address of the host ` +
    "(-p 127.0.0.1:8080:80), set a default one (dockerd --ip), or add rules to the chain 'user' of the nftables table " +
    `'inet ${userTable}'`
  );
}

/** The name of a firewall of the host that rules the ports of the host, but not those of containers. */
export function activeFirewall(nft: Nftables): "ufw" | "firewalld" | undefined {
  const tables = entries<{ name: string }>(nft.list("list tables"), "table").map(({ name }) => name);
  if (tables.includes("firewalld")) return "firewalld";
  if (!tables.includes("filter")) return undefined;
  const chains = entries<Chain>(nft.list("list chains ip"), "chain");
  return chains.some(({ table, name }) => table === "filter" && name === "ufw-user-input")
    ? "ufw"
    : undefined;
}

/** The chain for rules of the host's administrator that Docker keeps, else the forward chain when it drops. */
function blockingChain(nft: Nftables): string | undefined {
  const chains = entries<Chain>(nft.list("list chains ip"), "chain").filter(
    ({ table }) => table === "filter",
  );
  const drops = chains.some(({ name, policy }) => name === "FORWARD" && policy === "drop");
  if (!drops) return undefined;
  return chains.some(({ name }) => name === "DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
}

/** The comment of our rules in chains of others. */
export const bridgeMark = (bridge: string) => `longshore ${bridge}`;

/** Lets the bridge's traffic through a host firewall that drops what it forwards. */
export function openForwarding(nft: Nftables, bridge: string): void {
  const chain = blockingChain(nft);
  if (chain === undefined || ourRules(nft, chain, bridge).length > 0) return;
  const rule = (match: string) =>
    `insert rule ip filter ${chain} ${match} "${bridge}" counter accept comment "${bridgeMark(bridge)}"`;
  nft.run([rule("iifname"), rule("oifname")].join("\n"));
}

function ourRules(nft: Nftables, chain: string, bridge: string): Rule[] {
  return entries<Rule>(nft.list(`list chain ip filter ${chain}`), "rule").filter(
    ({ comment }) => comment === bridgeMark(bridge),
  );
}

/** Takes back what `openForwarding` added. */
export function closeForwarding(nft: Nftables, bridge: string): void {
  const chains = entries<Chain>(nft.list("list chains ip"), "chain").filter(
    ({ table, name }) => table === "filter" && ["FORWARD", "DOCKER-USER"].includes(name),
  );
  const commands = chains.flatMap(({ name }) =>
    ourRules(nft, name, bridge).map(({ handle }) => `delete rule ip filter ${name} handle ${handle}`),
  );
  if (commands.length > 0) nft.run(commands.join("\n"));
}
