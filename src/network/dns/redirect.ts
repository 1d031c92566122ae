import { Nftables } from "../../linux/nftables.ts";

/** Where containers of networks with names find their resolver, as in Docker. */
export const resolverAddress = "127.0.0.11";

/**
 * The port that the resolver really listens on in a container's namespace, so that a name server in the container can
 * have 53 on all addresses. No port of its own choice is that high.
 */
export const resolverPort = 61053;

const rules = `
table ip longshore_resolver
delete table ip longshore_resolver
table ip longshore_resolver {
  chain output {
    type filter hook output priority -310; policy accept
    ip daddr ${resolverAddress} udp dport 53 udp dport set ${resolverPort} notrack
    ip daddr ${resolverAddress} tcp dport 53 tcp dport set ${resolverPort} notrack
    ip saddr ${resolverAddress} udp sport ${resolverPort} udp sport set 53 notrack
    ip saddr ${resolverAddress} tcp sport ${resolverPort} tcp sport set 53 notrack
  }
}`;

/** Leads queries to port 53 to the resolver, without connection tracking. Runs inside the namespace; once more does no harm. */
export function redirectQueries(): void {
  using nft = new Nftables();
  nft.run(rules);
}
