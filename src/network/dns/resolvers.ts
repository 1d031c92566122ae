import { parseIp } from "../../base/ip.ts";
import type { NamedSandbox } from "../name-server.ts";
import {
  type Answer,
  addressAnswer,
  encodeReply,
  nameAnswer,
  type Query,
  rcode,
  recordType,
  reverseAddress,
} from "./message.ts";
import type { Names } from "./names.ts";
import type { Upstreams } from "./upstreams.ts";

/** One link of the chain: the answer, or undefined when it is for the next one. */
export type Resolver = (
  query: Query,
  sandbox: NamedSandbox,
) => Buffer | undefined | Promise<Buffer | undefined>;

/** How long a client may keep what we say of containers, in seconds: they come and go. */
const ttl = 5;

/** The first answer of the chain; the last resort is a failure. */
export async function resolve(
  chain: readonly Resolver[],
  query: Query,
  sandbox: NamedSandbox,
): Promise<Buffer> {
  for (const resolver of chain) {
    const reply = resolver(query, sandbox);
    const answer = reply instanceof Promise ? await reply : reply;
    if (answer) return answer;
  }
  return encodeReply(query, rcode.serverFailure);
}

/** Records of the type that was asked for; there may be none, when the name has addresses of the other family only. */
function addressesReply(query: Query, addresses: readonly string[], turn: number): Buffer {
  const all = addresses.flatMap((text): Answer[] => {
    const ip = parseIp(text);
    return ip ? [addressAnswer(ip)] : [];
  });
  const wanted = all.filter(({ type }) => type === query.type || query.type === recordType.ANY);
  const first = wanted.length > 1 ? turn % wanted.length : 0;
  return encodeReply(query, rcode.noError, [...wanted.slice(first), ...wanted.slice(0, first)], ttl);
}

/** Containers by their names, in turning order. */
export function containerNames(names: Names): Resolver {
  let turn = 0;
  return (query, sandbox) => {
    const addresses = names.lookUp(sandbox, query.name);
    return addresses && addressesReply(query, addresses, turn++);
  };
}

const hostNames = new Set(["host.docker.internal", "gateway.docker.internal"]);

/** The host, as the container sees it. */
export const hostName: Resolver = (query, { host }) =>
  hostNames.has(query.name) && host.length > 0 ? addressesReply(query, host, 0) : undefined;

/** Containers by their addresses. What is nobody's in a network of the container is not asked of others. */
export function containerAddresses(names: Names): Resolver {
  return (query, sandbox) => {
    const address = query.type === recordType.PTR ? reverseAddress(query.name) : undefined;
    const owner = address === undefined ? undefined : names.ownerOf(sandbox, address);
    if (!owner) return undefined;
    return owner.name === undefined
      ? encodeReply(query, rcode.noSuchName)
      : encodeReply(query, rcode.noError, [nameAnswer(owner.name)], ttl);
  };
}

/** Everything else: the servers, unless nothing leaves the container's networks. */
export function elsewhere(upstreams: Upstreams): Resolver {
  return (query, sandbox) =>
    sandbox.internal && sandbox.servers.length === 0 ? undefined : upstreams.ask(query, sandbox);
}
