import { isIPv6 } from "node:net";
import { type Family, formatPrefix, maskedPrefix, type Prefix } from "../base/ip.ts";
import { bridgeGroup } from "../linux/links.ts";
import { type Nftables, NftablesError } from "../linux/nftables.ts";
import type { GatewayMode } from "./bridge-options.ts";
import { activeFirewall } from "./host-firewall.ts";

/** A port of the host that leads to a port of a container. */
export interface PublishedPort {
  protocol: Protocol;
  hostIp: string;
  /** 0 where the container is reached by its own address (`routed`). */
  hostPort: number;
  containerIp: string;
  containerPort: number;
  /** The network by which the container is reached. */
  networkId: string;
}

export type Protocol = "tcp" | "udp" | "sctp";

export interface FirewallRules {
  /** Our own table: nothing outside of it is touched. */
  table: string;
  bridge: string;
  /** Of IPv4, then of IPv6. */
  subnets: Record<Family, readonly Prefix[]>;
  /** Containers may talk to each other. */
  icc: boolean;
  /** Containers go out with the host's address. */
  masquerade: boolean;
  /** Containers reach nothing but the network, and are reached from nowhere else. */
  internal: boolean;
  modes: Record<Family, GatewayMode>;
  /** From these interfaces containers are reached directly. */
  trusted: readonly string[];
}

/**
 * The rules of one bridge. Publishing a port adds an element to one of two maps, so the number of rules that a packet
 * meets does not grow with the number of ports.
 *
 * - `local`: what the host itself sends to one of its own addresses (127.0.0.1 too) goes to the container; the reply
 *   has to find back, so the loopback address is masqueraded.
 * - A container that calls a published port by the host's address (itself too) gets the gateway as its source, so that
 *   the reply comes back through the host instead of directly.
 * - Everybody else's source address reaches the container as it is.
 * - From outside only published ports are reached, even by those who have a route to the containers; other bridges are
 *   outside.
 */
export function ruleset(rules: FirewallRules, ports: readonly PublishedPort[]): string {
  const families = ([4, 6] as const).filter((family) => rules.subnets[family].length > 0);
  return [...families.map((family) => table(rules, family)), elements(rules, "add", ports)].join("\n");
}

const quoted = (names: readonly string[]) => names.map((name) => JSON.stringify(name)).join(", ");

function table(rules: FirewallRules, family: Family): string {
  const name = `table ${family === 4 ? "ip" : "ip6"} ${rules.table}`;
  const body = `${publishing(family)}${family === 4 ? translation(rules) : masquerading(rules, 6)}`;
  return `
${name}
delete ${name}
${name} {
${body}${forwarding(rules, family)}
}`;
}

/** What is sent to `::1` stays with the relays: the kernel lets no such packet leave the loopback interface. */
function publishing(family: Family): string {
  const [ip, address] = family === 4 ? ["ip", "ipv4_addr"] : ["ip6", "ipv6_addr"];
  const loopback = family === 4 ? "127.0.0.0/8" : "::1";
  return `
  map published {
    type ${address} . inet_proto . inet_service : ${address} . inet_service
  }
  map published_everywhere {
    type inet_proto . inet_service : ${address} . inet_service
  }
  chain publish {
    dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @published
    dnat ${ip} to meta l4proto . th dport map @published_everywhere
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept
    ${ip} daddr != ${loopback} fib daddr type local jump publish
  }
  chain local {
    type nat hook output priority -100; policy accept
    ${family === 6 ? `ip6 daddr != ${loopback} ` : ""}fib daddr type local jump publish
  }`;
}

function translation(rules: FirewallRules): string {
  const bridge = quoted([rules.bridge]);
  return `${masquerading(rules, 4)}
  chain loopback {
    type filter hook prerouting priority -300; policy accept
    iifname ${bridge} ip daddr 127.0.0.0/8 drop
  }`;
}

const isTranslated = (mode: GatewayMode) => mode === "nat" || mode === "nat-unprotected";

/** What leaves the bridge, and what comes back to it by the host's address. */
function masquerading(
  { subnets, bridge: name, masquerade, modes, internal }: FirewallRules,
  family: Family,
): string {
  const bridge = quoted([name]);
  const set = `{ ${subnets[family].map((subnet) => formatPrefix(maskedPrefix(subnet))).join(", ")} }`;
  const ip = family === 4 ? "ip" : "ip6";
  const out = masquerade && !internal && isTranslated(modes[family]);
  return `
  chain postrouting {
    type nat hook postrouting priority 100; policy accept
    ${out ? `${ip} saddr ${set} oifname != ${bridge} masquerade` : ""}
    ${family === 4 ? `oifname ${bridge} ip saddr 127.0.0.0/8 masquerade` : ""}
    oifname ${bridge} ${ip} saddr ${set} ${ip} daddr ${set} ct status dnat masquerade
  }`;
}

function forwarding(rules: FirewallRules, family: Family): string {
  const { icc, internal, trusted, modes } = rules;
  const bridge = quoted([rules.bridge]);
  const mode = modes[family];
  const ip = family === 4 ? "ip" : "ip6";
  const chain = internal
    ? [`iifname ${bridge} oifname != ${bridge} drop`, `oifname ${bridge} iifname != ${bridge} drop`]
    : [`oifname ${bridge} ct state established,related accept`, `oifname ${bridge} ct status dnat accept`];
  if (icc) chain.push(`iifname ${bridge} oifname ${bridge} accept`);
  if (!internal) {
    if (trusted.length > 0) chain.push(`iifname { ${quoted(trusted)} } oifname ${bridge} accept`);
    if (mode === "routed") {
      chain.push(
        `oifname ${bridge} ${ip} daddr . meta l4proto . th dport @open accept`,
        `oifname ${bridge} meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"} accept`,
      );
    }
    if (mode === "nat-unprotected") {
      chain.push(`iifgroup ${bridgeGroup} oifname ${bridge} drop`, `oifname ${bridge} accept`);
    }
  }
  return `
  set open {
    type ${family === 4 ? "ipv4_addr" : "ipv6_addr"} . inet_proto . inet_service
  }
  chain forward {
    type filter hook forward priority 0; policy accept
    ${chain.join("\n    ")}
    oifname ${bridge} drop
  }`;
}

function elements(rules: FirewallRules, verb: "add" | "delete", ports: readonly PublishedPort[]): string {
  const ruled = ports.filter(({ containerIp }) => rules.subnets[familyOf(containerIp)].length > 0);
  return ruled.map((port) => element(rules, verb, port)).join("\n");
}

function element({ table, modes }: FirewallRules, verb: "add" | "delete", port: PublishedPort): string {
  const { protocol, hostIp, hostPort, containerIp, containerPort } = port;
  const family = familyOf(containerIp);
  const ip = family === 4 ? "ip" : "ip6";
  if (modes[family] === "routed") {
    return `${verb} element ${ip} ${table} open { ${containerIp} . ${protocol} . ${containerPort} }`;
  }
  const everywhere = hostIp === "0.0.0.0" || hostIp === "::";
  const key = `${everywhere ? "" : `${hostIp} . `}${protocol} . ${hostPort}`;
  const value = verb === "add" ? ` : ${containerIp} . ${containerPort}` : "";
  return `${verb} element ${ip} ${table} ${everywhere ? "published_everywhere" : "published"} { ${key}${value} }`;
}

const familyOf = (ip: string): Family => (isIPv6(ip) ? 6 : 4);

/** Keeps the rules of one bridge in the kernel; each change is one transaction. */
export class Firewall {
  readonly #nft: Nftables;
  readonly #rules: FirewallRules;

  constructor(nft: Nftables, rules: FirewallRules) {
    this.#nft = nft;
    this.#rules = rules;
  }

  /** The name of its table. */
  get table(): string {
    return this.#rules.table;
  }

  /** A firewall of the host that does not rule what is published here (`ufw`). */
  get ofHost(): string | undefined {
    return activeFirewall(this.#nft);
  }

  /** Replaces whatever stands there, without a gap, by the rules with `ports`. */
  apply(ports: readonly PublishedPort[]): void {
    this.#nft.run(ruleset(this.#rules, ports));
  }

  /** `all` are the ports that are to be open afterwards: when somebody flushed the rules, they come back whole. */
  publish(ports: readonly PublishedPort[], all: () => readonly PublishedPort[]): void {
    if (ports.length === 0) return;
    try {
      this.#nft.run(elements(this.#rules, "add", ports));
    } catch (error) {
      if (!(error instanceof NftablesError)) throw error;
      this.apply(all());
    }
  }

  unpublish(ports: readonly PublishedPort[], all: () => readonly PublishedPort[]): void {
    if (ports.length === 0) return;
    try {
      this.#nft.run(elements(this.#rules, "delete", ports));
    } catch (error) {
      if (!(error instanceof NftablesError)) throw error;
      this.apply(all());
    }
  }

  remove(): void {
    removeTable(this.#nft, this.#rules.table);
  }
}

/** Deletes a table, if it is there. */
export function removeTable(nft: Nftables, table: string): void {
  // Naming it first makes deleting it work when it is not there.
  const removal = (family: string) => `table ${family} ${table}\ndelete table ${family} ${table}`;
  nft.run(["ip", "ip6"].map(removal).join("\n"));
  try {
    nft.run(removal("bridge"));
  } catch (error) {
    // A kernel without rules for bridges never had any.
    if (!(error instanceof NftablesError)) throw error;
  }
}
