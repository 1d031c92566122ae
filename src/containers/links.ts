import { readFileSync, writeFileSync } from "node:fs";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { internal, invalidArgument, messageOf } from "../base/errors.ts";
import { type Container, type ContainerLink, isRunning } from "./container.ts";
import type { ContainerSet } from "./container-set.ts";
import type { ContainerDeps } from "./deps.ts";
import { linkEnvironment } from "./link-environment.ts";
import { containerPaths } from "./paths.ts";

/*
 * Links between containers of the default bridge (`--link`): names in /etc/hosts, and variables. A link holds the other
 * container's id, so that it outlives a rename; the other's removal ends it.
 */

/** `NAME`, `NAME:ALIAS`, or what `inspect` shows (`/name:/parent/alias`). Throws `invalidArgument`. */
function parseLink(text: string): { name: string; alias: string } {
  const [name = "", alias = name, ...rest] = text.split(":");
  if (text === "") throw invalidArgument("empty string specified for links");
  if (rest.length > 0) throw invalidArgument(`bad format for links: ${text}`);
  return { name: name.replace(/^\//, ""), alias: alias.slice(alias.lastIndexOf("/") + 1) };
}

/** The links that a container is created with. Throws `invalidArgument` for a container that is not there. */
export function planLinks(deps: ContainerDeps, { NetworkMode, Links }: HostConfig): ContainerLink[] {
  if (NetworkMode !== "bridge") return [];
  const found = new Map<string, ContainerLink>();
  for (const { name, alias } of (Links ?? []).map(parseLink)) {
    const other = linkTarget(deps.set, name);
    if (other.spec.hostConfig.NetworkMode === "host") {
      throw invalidArgument(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    if (!found.has(alias)) found.set(alias, { id: other.id, alias });
  }
  return [...found.values()];
}

/** The container itself, or the one whose network it shares. */
function linkTarget(set: ContainerSet, name: string): Container {
  try {
    const other = set.find(name);
    const mode = other.spec.hostConfig.NetworkMode ?? "";
    return mode.startsWith("container:") ? linkTarget(set, mode.slice("container:".length)) : other;
  } catch (error) {
    const why = name === "" ? 'invalid name or ID supplied: ""' : messageOf(error);
    throw invalidArgument(`could not get container for ${name}: ${why}`, error);
  }
}

/** Those of a container's links whose other end is still there. */
function linksOf(
  set: ContainerSet,
  { name, spec }: Container,
): { other: Container; alias: string; full: string }[] {
  return (spec.links ?? []).flatMap(({ id, alias }) => {
    const other = set.get(id);
    return other ? [{ other, alias, full: `/${name}/${alias}` }] : [];
  });
}

/** As `inspect` shows them: `/other:/name/alias`. */
export function shownLinks(set: ContainerSet, container: Container): string[] | null {
  const links = linksOf(set, container).map(({ other, full }) => `/${other.name}:${full}`);
  return links.length > 0 ? links : null;
}

/** What other containers call this one, as lists show it: `/name/alias`. */
export function linkNames(set: ContainerSet, { id }: Container): string[] {
  const linking = set.linking();
  if (linking.length === 0) return [];
  return linking
    .flatMap(({ name, spec }) =>
      (spec.links ?? []).filter((link) => link.id === id).map(({ alias }) => `/${name}/${alias}`),
    )
    .sort();
}

function addressOf(deps: ContainerDeps, { id }: Container): string {
  return deps.network.connection(id)?.Networks.bridge?.IPAddress ?? "";
}

const hostNames = (alias: string, { name, spec }: Container): string =>
  [alias, spec.config.Hostname ?? "", ...(alias === name ? [] : [name])].join(" ");

/** The lines of /etc/hosts for a container's links. */
export function linkHosts(deps: ContainerDeps, container: Container): string[] {
  return linksOf(deps.set, container).flatMap(({ other, alias }) => {
    const address = addressOf(deps, other);
    return address === "" ? [] : [`${address}\t${hostNames(alias, other)}`];
  });
}

/**
 * The configuration with the variables of the container's links before its own. `all`: throws when one of the others does
 * not run; those that do not are left out otherwise.
 */
export function withLinks(
  deps: ContainerDeps,
  container: Container,
  { all }: { all: boolean },
): ContainerConfig {
  const { config, links } = container.spec;
  if (!links) return config;
  const variables = linksOf(deps.set, container).flatMap(({ other, full }) => {
    if (!isRunning(other)) {
      if (!all) return [];
      throw internal(`Cannot link to a non running container: /${other.name} AS ${full}`);
    }
    return linkEnvironment({
      name: full,
      address: addressOf(deps, other),
      exposedPorts: Object.keys(other.spec.config.ExposedPorts ?? {}),
      env: other.spec.config.Env ?? [],
    });
  });
  return { ...config, Env: [...variables, ...(config.Env ?? [])] };
}

/** A container that has just started may have another address: those that are linked to it are told. */
export function refreshLinks(deps: ContainerDeps, other: Container): void {
  for (const container of deps.set.linking()) {
    if (!isRunning(container)) continue;
    const links = (container.spec.links ?? []).filter(({ id }) => id === other.id);
    if (links.length === 0) continue;
    const { hosts } = containerPaths(deps.roots, container.id);
    const names = new Set(links.map(({ alias }) => hostNames(alias, other)));
    const lines = readFileSync(hosts, "utf8").split("\n");
    const changed = lines.map((line) => {
      const [, known = ""] = line.split("\t");
      return names.has(known) ? `${addressOf(deps, other)}\t${known}` : line;
    });
    // In place: the file is mounted in the container.
    writeFileSync(hosts, changed.join("\n"));
  }
}

/** `docker rm --link /parent/alias`. Throws for what is no link. */
export function removeLink(deps: ContainerDeps, reference: string): void {
  const [parent = "", alias, ...rest] = reference.replace(/^\//, "").split("/");
  const other = deps.set.find(reference);
  if (alias === undefined || rest.length > 0) {
    throw internal("Conflict, cannot remove the default link name of the container");
  }
  const container = deps.set.find(parent);
  const links = (container.spec.links ?? []).filter((link) => link.alias !== alias || link.id !== other.id);
  container.spec = { ...container.spec, links };
  deps.set.saveSpec(container);
  const { hosts } = containerPaths(deps.roots, container.id);
  if (!isRunning(container)) return;
  const gone = hostNames(alias, other);
  const lines = readFileSync(hosts, "utf8").split("\n");
  writeFileSync(hosts, lines.filter((line) => line.split("\t")[1] !== gone).join("\n"));
}
