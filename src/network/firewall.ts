import { type Cidr, formatCidr, networkOf } from "../base/ipv4.ts";
import { type Nftables, NftablesError } from "../linux/nftables.ts";

/** A port of the host that leads to a port of a container. */
export interface PublishedPort {
  protocol: Protocol;
  hostIp: string;
  hostPort: number;
  containerIp: string;
  containerPort: number;
}

export type Protocol = "tcp" | "udp" | "sctp";

export interface FirewallRules {
  /** Our own table: nothing outside of it is touched. */
  table: string;
  bridge: string;
  subnet: Cidr;
  /** Containers may talk to each other. */
  icc: boolean;
  /** Containers go out with the host's address. */
  masquerade: boolean;
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
 * - From outside only published ports are reached, even by those who have a route to the containers.
 */
export function ruleset(rules: FirewallRules, ports: readonly PublishedPort[]): string {
  const { table, icc, masquerade } = rules;
  const bridge = JSON.stringify(rules.bridge);
  const subnet = formatCidr(networkOf(rules.subnet));
  return `
table ip ${table}
delete table ip ${table}
table ip ${table} {
  map published {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
  }
  map published_everywhere {
    type inet_proto . inet_service : ipv4_addr . inet_service
  }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @published
    dnat ip to meta l4proto . th dport map @published_everywhere
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept
    ip daddr != 127.0.0.0/8 fib daddr type local jump publish
  }
  chain local {
    type nat hook output priority -100; policy accept
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept
    ${masquerade ? `ip saddr ${subnet} oifname != ${bridge} masquerade` : ""}
    oifname ${bridge} ip saddr 127.0.0.0/8 masquerade
    oifname ${bridge} ip saddr ${subnet} ip daddr ${subnet} ct status dnat masquerade
  }
  chain forward {
    type filter hook forward priority 0; policy accept
    oifname ${bridge} ct state established,related accept
    oifname ${bridge} ct status dnat accept
    ${icc ? `iifname ${bridge} oifname ${bridge} accept` : ""}
    oifname ${bridge} drop
  }
  chain loopback {
    type filter hook prerouting priority -300; policy accept
    iifname ${bridge} ip daddr 127.0.0.0/8 drop
  }
}
${elements(table, "add", ports)}`;
}

function elements(table: string, verb: "add" | "delete", ports: readonly PublishedPort[]): string {
  return ports
    .map(({ protocol, hostIp, hostPort, containerIp, containerPort }) => {
      const everywhere = hostIp === "0.0.0.0";
      const key = `${everywhere ? "" : `${hostIp} . `}${protocol} . ${hostPort}`;
      const value = verb === "add" ? ` : ${containerIp} . ${containerPort}` : "";
      return `${verb} element ip ${table} ${everywhere ? "published_everywhere" : "published"} { ${key}${value} }`;
    })
    .join("\n");
}

/** Keeps the rules of one bridge in the kernel; each change is one transaction. */
export class Firewall {
  readonly #nft: Nftables;
  readonly #rules: FirewallRules;

  constructor(nft: Nftables, rules: FirewallRules) {
    this.#nft = nft;
    this.#rules = rules;
  }

  /** Replaces whatever stands there, without a gap, by the rules with `ports`. */
  apply(ports: readonly PublishedPort[]): void {
    this.#nft.run(ruleset(this.#rules, ports));
  }

  /** `all` are the ports that are to be open afterwards: when somebody flushed the rules, they come back whole. */
  publish(ports: readonly PublishedPort[], all: () => readonly PublishedPort[]): void {
    if (ports.length === 0) return;
    try {
      this.#nft.run(elements(this.#rules.table, "add", ports));
    } catch (error) {
      if (!(error instanceof NftablesError)) throw error;
      this.apply(all());
    }
  }

  unpublish(ports: readonly PublishedPort[], all: () => readonly PublishedPort[]): void {
    if (ports.length === 0) return;
    try {
      this.#nft.run(elements(this.#rules.table, "delete", ports));
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
  nft.run(`table ip ${table}\ndelete table ip ${table}`);
}
