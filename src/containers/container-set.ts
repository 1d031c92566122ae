import { invalidArgument, notFound } from "../base/errors.ts";
import type { ContainerTable } from "../store/containers.ts";
import { type Container, type ContainerState, fromRow, toRow } from "./container.ts";
import type { Health } from "./health.ts";

/** All containers of the daemon: the rows and, for readers, the same in memory. */
export class ContainerSet {
  #table: ContainerTable;
  #byId = new Map<string, Container>();
  #byName = new Map<string, Container>();
  #linking = new Set<Container>();

  constructor(table: ContainerTable) {
    this.#table = table;
    for (const row of table.all()) this.#remember(fromRow(row));
  }

  #remember(container: Container): void {
    this.#byId.set(container.id, container);
    if (!container.spec.internal) this.#byName.set(container.name, container);
    this.#noteLinks(container);
  }

  /** Those that people have made. */
  all(): Container[] {
    return this.everything().filter(({ spec }) => !spec.internal);
  }

  /** Also those that the engine has made for itself. */
  everything(): Container[] {
    return [...this.#byId.values()];
  }

  /** Those that have links to others. */
  linking(): Container[] {
    return [...this.#linking];
  }

  /** Lists ask for them once for each container: looking for them among all would make that slow. */
  #noteLinks(container: Container): void {
    const { links, internal } = container.spec;
    if (links && links.length > 0 && !internal) this.#linking.add(container);
    else this.#linking.delete(container);
  }

  get(id: string): Container | undefined {
    return this.#byId.get(id);
  }

  /** True when `find` finds one. */
  has(reference: string): boolean {
    try {
      return this.find(reference) !== undefined;
    } catch {
      // Not found, or several.
      return false;
    }
  }

  hasName(name: string): boolean {
    return this.#byName.has(name);
  }

  /**
   * Finds by full id, then by name (with or without the slash), then by the name of a link (`/parent/alias`), then by a
   * prefix of the id.
   * Throws `notFound`, or `invalidArgument` when several ids have the prefix.
   */
  find(reference: string): Container {
    const byId = this.#byId.get(reference);
    const exact = (byId?.spec.internal ? undefined : byId) ?? this.#byName.get(reference.replace(/^\//, ""));
    if (exact) return exact;
    const linked = this.#findLinked(reference.replace(/^\//, ""));
    if (linked) return linked;
    const matches = /^[0-9a-f]+$/.test(reference)
      ? this.all().filter((container) => container.id.startsWith(reference))
      : [];
    if (matches.length > 1) {
      throw invalidArgument(`multiple IDs found with provided prefix: ${reference}`);
    }
    if (!matches[0]) throw notFound(`No such container: ${reference}`);
    return matches[0];
  }

  #findLinked(reference: string): Container | undefined {
    const [parent = "", alias] = reference.split("/");
    if (alias === undefined) return undefined;
    const link = this.#byName
      .get(parent)
      ?.spec.links?.find((link) => `${parent}/${link.alias}` === reference);
    return link && this.#byId.get(link.id);
  }

  /** Throws `conflict` when the name is taken. */
  insert(container: Container): void {
    this.#table.insert(toRow(container), isKept(container));
    this.#remember(container);
  }

  /** Writes the changed fields of the state, then shows them. */
  setState(container: Container, change: Partial<ContainerState>): void {
    const state = { ...container.state, ...change };
    this.#table.setState(container.id, JSON.stringify(state), isKept(container));
    container.state = state;
  }

  /** Writes what became of its health: as good as new after a power failure is good enough. */
  setHealth(container: Container, health: Health): void {
    const state = { ...container.state, health };
    this.#table.setState(container.id, JSON.stringify(state), false);
    container.state = state;
  }

  /** Writes the spec after a change of it. */
  saveSpec(container: Container): void {
    this.#table.setSpec(container.id, JSON.stringify(container.spec));
    this.#noteLinks(container);
  }

  /** Throws `conflict` when the name is taken. */
  rename(container: Container, name: string): void {
    this.#table.rename(container.id, name);
    this.#byName.delete(container.name);
    container.name = name;
    this.#byName.set(name, container);
  }

  delete(container: Container): void {
    this.#table.delete(container.id, isKept(container));
    this.#byId.delete(container.id);
    this.#byName.delete(container.name);
    this.#linking.delete(container);
  }
}

/** A container that removes itself at its end need not outlive a power failure. */
function isKept({ spec }: Container): boolean {
  return !spec.hostConfig.AutoRemove;
}
