import type { IncomingMessage } from "node:http";
import { type BlockList, isIP } from "node:net";

/** Where a request came from, and where to. */
export interface Origin {
  /** The client's address. */
  remote: string;
  /** `https://registry.example.com`, as the client sees this registry. */
  origin: string;
}

/**
 * What the connection says, or, when it comes from a proxy that is trusted, what that says in `X-Forwarded-For`,
 * `-Proto` and `-Host`. Of the addresses, the last one counts that is not a trusted proxy's: the client itself may
 * have written those before.
 */
export function originOf(
  request: IncomingMessage,
  { scheme, trusted, fixed }: { scheme: string; trusted: BlockList; fixed: string | undefined },
): Origin {
  const peer = plain(request.socket.remoteAddress ?? "");
  const { host = "" } = request.headers;
  if (!isIn(trusted, peer)) return { remote: peer, origin: fixed ?? `${scheme}://${checkedHost(host)}` };
  const steps = all(request, "x-forwarded-for").map(plain);
  const outside = steps.findLastIndex((step) => !isIn(trusted, step));
  const remote = steps[Math.max(outside, 0)] ?? peer;
  const proto = all(request, "x-forwarded-proto").at(-1);
  const told = proto === "https" || proto === "http" ? proto : scheme;
  const forwarded = all(request, "x-forwarded-host").at(-1) ?? host;
  return {
    remote: isIP(remote) === 0 ? peer : remote,
    origin: fixed ?? `${told}://${checkedHost(forwarded)}`,
  };
}

/** The members of a header that is a list. */
function all({ headers }: IncomingMessage, name: string): string[] {
  const value = headers[name] ?? [];
  return (Array.isArray(value) ? value : [value])
    .flatMap((line) => line.split(","))
    .map((member) => member.trim())
    .filter(Boolean);
}

/** An IPv4 address as such, also where the socket is an IPv6 one. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** What stands in challenges and pages; what is no host is not repeated. */
function checkedHost(host: string): string {
  return /^[\w.[\]:-]+$/.test(host) && URL.canParse(`http://${host}`) ? host : "localhost";
}
