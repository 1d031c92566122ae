import type { ContainerSummary, PortSummary } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import { type Filters, matchesPattern } from "../base/filters.ts";
import type { Image } from "../images/image.ts";
import { type Container, isRunning, processArguments } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { mountPointSummary, networkSettings } from "./inspect.ts";
import { linkNames } from "./links.ts";
import { statusText } from "./status.ts";

export const listFilters = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];

const healths = ["none", "starting", "healthy", "unhealthy"];
const statuses = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** The containers that `GET /containers/json` shows, the newest first. */
export function listContainers(
  deps: ContainerDeps,
  options: { all: boolean; limit?: number | undefined; filters: Filters },
): Container[] {
  const { filters } = options;
  const limit = options.limit ?? 0;
  const found = filters.isEmpty
    ? deps.set.all().filter((container) => options.all || limit > 0 || isRunning(container))
    : filtered(deps, options.all || limit > 0, filters);
  found.sort((a, b) => (a.spec.created < b.spec.created ? 1 : -1));
  return limit > 0 ? found.slice(0, limit) : found;
}

/** `even`: those that do not run too. */
function filtered(deps: ContainerDeps, even: boolean, filters: Filters): Container[] {
  checkFilterValues(filters);
  // Asking for a status, an exit code, or the last few, asks for those that do not run too.
  const all = even || ["status", "exited"].some((name) => filters.has(name));
  const before = boundary(deps, filters, "before");
  const since = boundary(deps, filters, "since");
  const ancestors = filters.get("ancestor").flatMap((name) => imageOf(deps, name));
  return deps.set
    .all()
    .filter((container) => all || isRunning(container))
    .filter((container) => before === undefined || container.spec.created < before)
    .filter((container) => since === undefined || container.spec.created > since)
    .filter((container) => matches(deps, container, filters))
    .filter((container) => !filters.has("ancestor") || ancestors.some((image) => descends(container, image)));
}

function checkFilterValues(filters: Filters): void {
  for (const status of filters.get("status")) {
    if (!statuses.includes(status)) throw unknownValue("status", "state", status, statuses);
  }
  for (const code of filters.get("exited")) {
    if (!/^[+-]?\d+$/.test(code)) {
      const why = `strconv.Atoi: parsing ${JSON.stringify(code)}: invalid syntax`;
      throw invalidArgument(`invalid filter 'exited=${code}': ${why}`);
    }
  }
  filters.boolean("is-task");
  for (const health of filters.get("health")) {
    if (!healths.includes(health)) throw unknownValue("health", "health", health, healths);
  }
  for (const key of ["publish", "expose"]) for (const port of filters.get(key)) checkPort(key, port);
}

function unknownValue(filter: string, kind: string, value: string, known: readonly string[]) {
  const why = `invalid value for ${kind} (${value}): must be one of ${known.join(", ")}`;
  return invalidArgument(`invalid filter '${filter}=${value}': ${why}`);
}

/** `80`, `80/udp`, `80-90/tcp`. Throws `invalidArgument`. */
function checkPort(key: string, value: string): void {
  if (value.includes(":")) throw invalidArgument(`filter for '${key}' should not contain ':': ${value}`);
  const refuse = (why: string) => invalidArgument(`error while looking up for ${key} ${value}: ${why}`);
  const [range = ""] = value.split("/");
  if (range === "") throw refuse("empty string specified for ports");
  const numbers = range.split("-", 2).map((text) => {
    const parsing = `strconv.ParseUint: parsing ${JSON.stringify(text)}`;
    if (!/^\d+$/.test(text)) throw refuse(`${parsing}: invalid syntax`);
    if (Number(text) > 65535) throw refuse(`${parsing}: value out of range`);
    return Number(text);
  });
  const [first = 0, last = first] = numbers;
  if (last < first) throw refuse(`invalid range specified for port: ${range}`);
}

function boundary(deps: ContainerDeps, filters: Filters, name: "before" | "since"): string | undefined {
  const reference = filters.get(name)[0];
  return reference === undefined ? undefined : deps.set.find(reference).spec.created;
}

/** A container descends from its image, and from all that have the first of its layers. */
function descends({ spec }: Container, { id, layers }: Image): boolean {
  if (spec.imageId === id) return true;
  const isShorter = layers.length > 0 && layers.length < spec.layers.length;
  return isShorter && layers.every((layer, index) => layer === spec.layers[index]);
}

function imageOf(deps: ContainerDeps, name: string): Image[] {
  try {
    return [deps.images.resolve(name)];
  } catch {
    // An image that is not there has no containers; Docker warns in its log and answers an empty list.
    return [];
  }
}

function matches(deps: ContainerDeps, container: Container, filters: Filters): boolean {
  const { spec, state } = container;
  return (
    filters.any("id", (wanted) => matchesPattern(`^${wanted}`, container.id)) &&
    filters.any("name", (wanted) => matchesName(wanted, container.name)) &&
    filters.labels(spec.config.Labels) &&
    filters.exact("status", state.status) &&
    filters.any("exited", (code) => state.status === "exited" && state.exitCode === Number(code)) &&
    filters.exact("health", state.health?.status ?? "none") &&
    filters.any("volume", (wanted) =>
      spec.mounts.some((mount) => [mount.name, mount.source, mount.destination].includes(wanted)),
    ) &&
    filters.any("network", (wanted) => inNetwork(deps, container, wanted)) &&
    filters.any("publish", (wanted) => hasPort(publishedPorts(deps, container), wanted)) &&
    filters.any("expose", (wanted) => hasPort(Object.keys(spec.config.ExposedPorts ?? {}), wanted)) &&
    filters.boolean("is-task") !== true
  );
}

/** Names are matched with and without the slash that the API puts before them. */
function matchesName(pattern: string, name: string): boolean {
  return matchesPattern(pattern, `/${name}`) || matchesPattern(pattern, name);
}

function inNetwork(deps: ContainerDeps, container: Container, wanted: string): boolean {
  const networks = networkSettings(deps, container).Networks;
  return Object.entries(networks).some(
    ([name, { NetworkID: id = "" }]) => name === wanted || (wanted !== "" && id.startsWith(wanted)),
  );
}

/** The ports of the host that lead to the container, as `8080/tcp`. */
function publishedPorts(deps: ContainerDeps, container: Container): string[] {
  return Object.entries(networkSettings(deps, container).Ports).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostPort = "" }) => `${HostPort}/${port.split("/")[1]}`),
  );
}

/** `wanted` is `80`, `80/tcp`, or a range of ports. */
function hasPort(ports: readonly string[], wanted: string): boolean {
  const [range = "", protocol = "tcp"] = wanted.split("/");
  const [first, last = first] = range.split("-").map(Number);
  return ports.some((port) => {
    const [number, kind] = port.split("/");
    return kind === protocol && Number(number) >= (first ?? 0) && Number(number) <= (last ?? 0);
  });
}

/** What names of images stand for, found once for a whole list. */
type KnownImages = Map<string, string | undefined>;

/** Containers as `GET /containers/json` tells of them. */
export function containerSummaries(
  deps: ContainerDeps,
  containers: readonly Container[],
): { container: Container; summary: ContainerSummary }[] {
  const known: KnownImages = new Map();
  return containers.map((container) => ({ container, summary: containerSummary(deps, container, known) }));
}

type SpecParts = Pick<ContainerSummary, "Command" | "Created" | "HostConfig" | "Labels" | "Mounts">;

/** What follows from a specification, which is replaced when it changes: lists are asked for again and again. */
const specParts = new WeakMap<Container["spec"], SpecParts>();

function partsOf(spec: Container["spec"]): SpecParts {
  const known = specParts.get(spec);
  if (known) return known;
  const [path = "", ...args] = processArguments(spec.config);
  const parts = {
    Command: [path, ...args.map(quoteArgument)].join(" "),
    Created: Math.floor(Date.parse(spec.created) / 1000),
    Labels: spec.config.Labels ?? {},
    HostConfig: { NetworkMode: spec.hostConfig.NetworkMode ?? "" },
    Mounts: spec.mounts.map(mountPointSummary),
  };
  specParts.set(spec, parts);
  return parts;
}

function containerSummary(deps: ContainerDeps, container: Container, known: KnownImages): ContainerSummary {
  const { spec, state } = container;
  const { Networks, Ports } = networkSettings(deps, container);
  const { Command, Created, Labels, HostConfig, Mounts } = partsOf(spec);
  return {
    Id: container.id,
    Names: [`/${container.name}`, ...linkNames(deps.set, container)],
    Image: imageName(deps, container, known),
    ImageID: spec.imageId,
    Command,
    Created,
    Ports: portSummaries(Ports),
    Labels,
    State: state.status,
    Status: statusText(container, deps.clock.now()),
    HostConfig,
    Health: { Status: state.health?.status ?? "none", FailingStreak: state.health?.failingStreak ?? 0 },
    NetworkSettings: { Networks },
    Mounts,
  };
}

/** What the image was called at create, as long as it still is called that. */
function imageName(deps: ContainerDeps, { spec }: Container, known: KnownImages): string {
  const asked = spec.config.Image ?? "";
  if (!known.has(asked)) known.set(asked, imageIdOf(deps, asked));
  return known.get(asked) === spec.imageId ? asked : spec.imageId;
}

function imageIdOf({ images }: ContainerDeps, name: string): string | undefined {
  try {
    return images.resolve(name).id;
  } catch {
    // No image has the name any more.
    return undefined;
  }
}

/** Arguments with white space are shown quoted, as in `ps`. */
function quoteArgument(argument: string): string {
  return /\s/.test(argument) ? `'${argument.replaceAll("'", "'\\''")}'` : argument;
}

function portSummaries(ports: ReturnType<typeof networkSettings>["Ports"]): PortSummary[] {
  return Object.entries(ports).flatMap(([port, bindings]) => {
    const [number, protocol = "tcp"] = port.split("/");
    const inside = { PrivatePort: Number(number), Type: protocol as PortSummary["Type"] };
    if (!bindings || bindings.length === 0) return [inside];
    return bindings.map(({ HostIp, HostPort }) => ({
      ...inside,
      IP: HostIp ?? "",
      PublicPort: Number(HostPort),
    }));
  });
}
