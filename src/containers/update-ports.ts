import type { PortBinding, PortMap } from "../api/containers.ts";
import { conflict, invalidArgument } from "../base/errors.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";

/** What `docker update` changes about the ports of a container, running or not. */
export interface PortUpdate {
  add: PortMap;
  /** Of each port the bindings to take away; an empty address or port of the host stands for any. */
  remove: PortMap;
}

/** A binding that was asked for, with what it has got on the host; nothing while the container does not run. */
interface Binding {
  asked: PortBinding;
  got: PortBinding[];
}

/** Without an address a binding holds the same port on several: they stand next to each other in what it has got. */
function pair(asked: readonly PortBinding[], got: readonly PortBinding[]): Binding[] {
  let at = 0;
  return asked.map((binding) => {
    const from = at;
    const port = got[from]?.HostPort;
    if (at < got.length) at++;
    while (!binding.HostIp && at < got.length && got[at]?.HostPort === port) at++;
    return { asked: binding, got: got.slice(from, at) };
  });
}

function isMeant({ asked, got }: Binding, { HostIp: ip = "", HostPort: port = "" }: PortBinding): boolean {
  const all = [asked, ...got];
  const isPort = port === "" || all.some(({ HostPort }) => HostPort === port);
  return isPort && (ip === "" || all.some(({ HostIp }) => HostIp === ip));
}

const shown = (key: string, { HostIp: ip = "", HostPort: port = "" }: PortBinding) =>
  [...(ip === "" ? [] : [ip.includes(":") ? `[${ip}]` : ip]), ...(ip || port ? [port] : []), key].join(":");

/**
 * The bindings after the update, and which of the host's ports are to be closed. Throws `invalidArgument` for a port that
 * is not published.
 */
export function planPorts(
  before: PortMap,
  actual: PortMap,
  { add, remove }: PortUpdate,
): { bindings: PortMap; closed: PortMap } {
  const bindings: PortMap = { ...before };
  const closed: PortMap = {};
  for (const [key, wanted] of Object.entries(remove)) {
    const pairs = pair(bindings[key] ?? [], actual[key] ?? []);
    const any: PortBinding[] = [{ HostIp: "", HostPort: "" }];
    const meant = new Set<Binding>();
    for (const binding of wanted?.length ? wanted : any) {
      const found = pairs.filter((pair) => isMeant(pair, binding));
      if (found.length === 0) throw invalidArgument(`port ${shown(key, binding)} is not published`);
      for (const pair of found) meant.add(pair);
    }
    closed[key] = [...meant].flatMap(({ got }) => got);
    const left = pairs.filter((pair) => !meant.has(pair)).map(({ asked }) => asked);
    if (left.length > 0) bindings[key] = left;
    else delete bindings[key];
  }
  for (const [key, list] of Object.entries(add)) bindings[key] = [...(bindings[key] ?? []), ...(list ?? [])];
  return { bindings, closed };
}

/** Refuses what has no ports of its own to publish. Throws `conflict`. */
function checkMode({ name, spec }: Container): void {
  const mode = spec.hostConfig.NetworkMode ?? "";
  const why = spec.config.NetworkDisabled
    ? "its network is disabled"
    : mode === "host"
      ? "it uses the host's network"
      : mode === "none"
        ? "it has no network"
        : mode.startsWith("container:")
          ? "it uses another container's network"
          : undefined;
  if (why !== undefined) throw conflict(`cannot change the published ports of container "/${name}": ${why}`);
}

/** The bindings of `ports` that are not in `known`. */
function without(ports: PortMap, known: PortMap): PortMap {
  const isKnown = (key: string, { HostIp, HostPort }: PortBinding) =>
    known[key]?.some((one) => one.HostIp === HostIp && one.HostPort === HostPort) ?? false;
  return Object.fromEntries(
    Object.entries(ports).map(([key, list]) => [key, (list ?? []).filter((one) => !isKnown(key, one))]),
  );
}

/**
 * Publishes and unpublishes ports of a container whose turn the caller holds, without touching its processes: all of it,
 * or nothing. Returns its specification with the bindings as they are from now on, and what takes the change back.
 */
export async function updatePorts(
  deps: ContainerDeps,
  container: Container,
  update: PortUpdate,
): Promise<{ spec: Container["spec"]; undo: () => Promise<void> }> {
  checkMode(container);
  const { spec } = container;
  const before = spec.hostConfig.PortBindings ?? {};
  const portsNow = () => deps.network.connection(container.id)?.Ports ?? {};
  const actual = portsNow();
  const { bindings, closed } = planPorts(before, actual, update);
  await deps.network.changePorts(container.id, { open: update.add, close: closed });
  const exposed = Object.fromEntries(Object.keys(update.add).map((key) => [key, {}]));
  const added = without(portsNow(), actual);
  return {
    spec: {
      ...spec,
      config: { ...spec.config, ExposedPorts: { ...spec.config.ExposedPorts, ...exposed } },
      hostConfig: { ...spec.hostConfig, PortBindings: bindings },
    },
    undo: () => deps.network.changePorts(container.id, { open: closed, close: added }),
  };
}
