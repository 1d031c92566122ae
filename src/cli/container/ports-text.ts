import type { PortSummary } from "../../api/containers.ts";

/** Ports that follow each other: first and last inside, and how far outside is from inside. */
interface Run {
  readonly ip: string | undefined;
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
  readonly outside: number | undefined;
}

function compare(a: PortSummary, b: PortSummary): number {
  const ip = (port: PortSummary) => port.IP ?? "";
  return (
    a.PrivatePort - b.PrivatePort ||
    (ip(a) < ip(b) ? -1 : ip(a) > ip(b) ? 1 : 0) ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    (a.Type < b.Type ? -1 : a.Type > b.Type ? 1 : 0)
  );
}

function runText(run: Run): string {
  const inside = run.first === run.last ? `${run.first}` : `${run.first}-${run.last}`;
  if (run.outside === undefined) return `${inside}/${run.protocol}`;
  const last = run.outside + run.last - run.first;
  const outside = run.first === run.last ? `${run.outside}` : `${run.outside}-${last}`;
  const ip = run.ip?.includes(":") ? `[${run.ip}]` : run.ip;
  return `${ip}:${outside}->${inside}/${run.protocol}`;
}

/** The PORTS of `docker ps`: runs of ports are joined, `0.0.0.0:8000-8002->80-82/tcp, 9000/udp`. */
export function portsText(ports: readonly PortSummary[]): string {
  if (ports.length === 0) return "";
  const open = new Map<string, Run>();
  const hostMappings: string[] = [];
  const runs: string[] = [];
  const order: string[] = [];
  for (const port of [...ports].sort(compare)) {
    const { PrivatePort, Type, IP } = port;
    const PublicPort = port.PublicPort || undefined;
    let key = Type as string;
    if (IP) {
      if (PublicPort !== PrivatePort) {
        const run = {
          ip: IP,
          protocol: Type,
          first: PrivatePort,
          last: PrivatePort,
          outside: PublicPort ?? 0,
        };
        hostMappings.push(runText(run));
        continue;
      }
      key = `${IP}/${Type}`;
    }
    const run = open.get(key);
    if (run && PrivatePort === run.last + 1) {
      open.set(key, { ...run, last: PrivatePort });
      continue;
    }
    if (run) runs.push(runText(run));
    else order.push(key);
    open.set(key, {
      ip: IP,
      protocol: Type,
      first: PrivatePort,
      last: PrivatePort,
      outside: IP ? PublicPort : undefined,
    });
  }
  for (const key of order) {
    const run = open.get(key);
    if (run) runs.push(runText(run));
  }
  return [...runs, ...hostMappings].join(", ");
}
