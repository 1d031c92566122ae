import { keyValue } from "../base/key-value.ts";

/** A container that another one is linked to. */
export interface LinkedContainer {
  /** The name of the link with the container that has it: `/web/db`. */
  name: string;
  address: string;
  /** `5432/tcp`. */
  exposedPorts: readonly string[];
  env: readonly string[];
}

interface Port {
  number: number;
  protocol: string;
}

/** By number; of two with one number TCP is the first. */
function sortedPorts(ports: readonly string[]): Port[] {
  return ports
    .map((port) => {
      const [number = "", protocol = "tcp"] = port.split("/");
      return { number: Number(number), protocol };
    })
    .sort((a, b) => a.number - b.number || (a.protocol === "tcp" ? -1 : 1));
}

/** The index of the last port of those that follow each other from `first` on. */
function endOfRange(ports: readonly Port[], first: number): number {
  let last = first;
  while ((ports[last + 1]?.number ?? Number.POSITIVE_INFINITY) <= (ports[last]?.number ?? 0) + 1) last++;
  return last;
}

/** What the image's build leaves in the environment, and has no meaning elsewhere. */
const ownVariables = new Set(["HOME", "PATH"]);

/** The variables by which a container finds the one that it is linked to, as Docker has made them since links exist. */
export function linkEnvironment({ name, address, exposedPorts, env }: LinkedContainer): string[] {
  const alias = name
    .slice(name.lastIndexOf("/") + 1)
    .toUpperCase()
    .replaceAll("-", "_");
  const ports = sortedPorts(exposedPorts);
  const key = ({ number, protocol }: Port) => `${alias}_PORT_${number}_${protocol.toUpperCase()}`;
  const url = ({ number, protocol }: Port) => `${protocol}://${address}:${number}`;
  const [first] = ports;
  const found = first ? [`${alias}_PORT=${url(first)}`] : [];
  for (let index = 0; index < ports.length; index++) {
    const last = endOfRange(ports, index);
    const [start, end] = [ports[index], ports[last]];
    if (last === index || !start || !end) continue;
    found.push(
      `${key(start)}_START=${url(start)}`,
      `${key(start)}_ADDR=${address}`,
      `${key(start)}_PROTO=${start.protocol}`,
      `${key(start)}_PORT_START=${start.number}`,
      `${key(end)}_END=${url(end)}`,
      `${key(end)}_PORT_END=${end.number}`,
    );
    index = last;
  }
  for (const port of ports) {
    found.push(
      `${key(port)}=${url(port)}`,
      `${key(port)}_ADDR=${address}`,
      `${key(port)}_PORT=${port.number}`,
      `${key(port)}_PROTO=${port.protocol}`,
    );
  }
  found.push(`${alias}_NAME=${name}`);
  for (const entry of env.filter((entry) => entry.includes("="))) {
    const [variable, value] = keyValue(entry);
    if (!ownVariables.has(variable)) found.push(`${alias}_ENV_${variable}=${value}`);
  }
  return found;
}
