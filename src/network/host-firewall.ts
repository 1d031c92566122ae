import { type Nftables, NftablesError, type NftObject } from "../linux/nftables.ts";
import { userTable } from "./user-chain.ts";

/*
 * A packet has to pass every table. Where the host's own `ip filter` table drops what it forwards (ufw, a Docker
 * beside us), or firewalld rejects it and cannot be told of containers (`FirewalldZone`), ours cannot let
 * them through: that takes two rules in the host's chain. They carry a comment, by which they are found again; nothing else
 * in that table is touched.
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

/** A chain of the host's firewall that all that is forwarded passes. */
interface Place {
  family: "ip" | "inet";
  table: string;
  chain: string;
}

const firewalldForward: Place = { family: "inet", table: "firewalld", chain: "filter_FORWARD" };
const legacyChains = ["FORWARD", "DOCKER-USER"];

function chainsOf(nft: Nftables, { family, table }: Pick<Place, "family" | "table">): Chain[] {
  return entries<Chain>(nft.list(`list chains ${family}`), "chain").filter((one) => one.table === table);
}

/**
 * Where the host drops what it forwards: the chain for rules of the administrator that Docker keeps, else the forward
 * chain when that drops; and firewalld's, which rejects what comes from interfaces that it was told nothing of.
 */
function blockingChains(nft: Nftables, isTold: boolean): Place[] {
  const filter = chainsOf(nft, { family: "ip", table: "filter" });
  const drops = filter.some(({ name, policy }) => name === "FORWARD" && policy === "drop");
  const chain = filter.some(({ name }) => name === "DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  return [
    ...(drops ? [{ family: "ip" as const, table: "filter", chain }] : []),
    ...(isTold ? [] : firewalldPlaces(nft)),
  ];
}

const firewalldPlaces = (nft: Nftables): Place[] =>
  chainsOf(nft, firewalldForward)
    .filter(({ name }) => name === firewalldForward.chain)
    .map(() => firewalldForward);

/** The comment of our rules in chains of others. */
export const bridgeMark = (bridge: string) => `longshore ${bridge}`;

/**
 * Lets the bridge's traffic through a host firewall that drops what it forwards; `isTold` says that firewalld knows of the
 * bridge, and lets it through by its own rules. Returns why it could not be done, where the host's firewall lets nobody
 * else into its table.
 */
export function openForwarding(nft: Nftables, bridge: string, isTold: boolean): string | undefined {
  if (isTold) takeBack(nft, bridge, firewalldPlaces(nft));
  let failure: string | undefined;
  for (const place of blockingChains(nft, isTold)) {
    if (ourRules(nft, place, bridge).length > 0) continue;
    const where = `${place.family} ${place.table} ${place.chain}`;
    const rule = (match: string) =>
      `insert rule ${where} ${match} "${bridge}" counter accept comment "${bridgeMark(bridge)}"`;
    try {
      nft.run([rule("iifname"), rule("oifname")].join("\n"));
    } catch (error) {
      if (!(error instanceof NftablesError)) throw error;
      failure = `${place.table}: ${error.message}`;
    }
  }
  return failure;
}

function ourRules(nft: Nftables, { family, table, chain }: Place, bridge: string): Rule[] {
  return entries<Rule>(nft.list(`list chain ${family} ${table} ${chain}`), "rule").filter(
    ({ comment }) => comment === bridgeMark(bridge),
  );
}

/** Takes back what `openForwarding` added. */
export function closeForwarding(nft: Nftables, bridge: string): void {
  const filter = { family: "ip", table: "filter" } as const;
  const legacy = chainsOf(nft, filter)
    .filter(({ name }) => legacyChains.includes(name))
    .map(({ name }) => ({ ...filter, chain: name }));
  takeBack(nft, bridge, [...legacy, ...firewalldPlaces(nft)]);
}

function takeBack(nft: Nftables, bridge: string, places: readonly Place[]): void {
  const commands = places.flatMap((place) =>
    ourRules(nft, place, bridge).map(
      ({ handle }) => `delete rule ${place.family} ${place.table} ${place.chain} handle ${handle}`,
    ),
  );
  if (commands.length > 0) nft.run(commands.join("\n"));
}
