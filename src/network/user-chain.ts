import { type Nftables, NftablesError } from "../linux/nftables.ts";

/*
 * The administrator's own rules for what is forwarded to and from containers:
 *
 *     nft add rule inet longshore user ip saddr != 203.0.113.0/24 meta l4proto tcp ct original proto-dst 8080 drop
 *
 * The chain is asked before any rule of ours. What it drops is dropped; what it accepts, or says nothing of, goes on to
 * our rules. Ports and addresses are those of the container by then: `ct original proto-dst` is the published port. We
 * never change what is in the chain; all daemons of a host share it.
 */

export const userTable = "longshore";

const chains = `
table inet ${userTable} {
  chain user {
  }
  chain forward {
    type filter hook forward priority -10; policy accept
  }
}
flush chain inet ${userTable} forward
add rule inet ${userTable} forward jump user`;

function rulesOf(nft: Nftables, chain: string): unknown[] | undefined {
  try {
    return nft.list(`list chain inet ${userTable} ${chain}`).filter((object) => "rule" in object);
  } catch (error) {
    // It is not there.
    if (error instanceof NftablesError) return undefined;
    throw error;
  }
}

/** Makes the chain, and has it asked, where that is not so already. */
export function ensureUserChain(nft: Nftables): void {
  if (rulesOf(nft, "user") && (rulesOf(nft, "forward")?.length ?? 0) > 0) return;
  nft.run(chains);
}

/** Takes the chain away with the last of the tables of ours (whose names begin like its own); never the administrator's rules. */
export function removeUserChain(nft: Nftables): void {
  const tables = nft.list("list tables").flatMap(({ table }) => (table ? [String(table.name)] : []));
  if (tables.some((name) => name.startsWith(`${userTable}_`))) return;
  if (rulesOf(nft, "user")?.length === 0) nft.run(`delete table inet ${userTable}`);
}
