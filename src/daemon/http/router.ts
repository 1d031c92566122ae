import type { Operation } from "../../api/operation.ts";
import { invalidArgument } from "../../base/errors.ts";

/** A request's target, taken apart. */
export interface Target {
  /** Percent-decoded, without the version prefix. */
  readonly path: string;
  readonly query: string;
  /** From the prefix `/v1.47`, undefined without one. */
  readonly version: string | undefined;
}

/** Throws `invalidArgument` when `target` is no path. `http://host/path` is taken as `/path`. */
export function parseTarget(target: string): Target {
  const local = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?]*/, "") || "/";
  const mark = local.indexOf("?");
  let path = mark < 0 ? local : local.slice(0, mark);
  if (path.includes("%")) {
    try {
      path = decodeURIComponent(path);
    } catch (error) {
      throw invalidArgument(`invalid URL escape in ${JSON.stringify(path)}`, error);
    }
  }
  if (!path.startsWith("/")) throw invalidArgument(`invalid request target ${JSON.stringify(target)}`);
  // A client whose address of the daemon ends with a slash doubles it.
  path = path.replace(/\/{2,}/g, "/");
  const query = mark < 0 ? "" : local.slice(mark + 1);
  const prefix = /^\/v([0-9.]+)(\/.*)$/.exec(path);
  return { path: prefix?.[2] ?? path, query, version: prefix?.[1] };
}

export interface Match<Id extends string> {
  readonly id: Id;
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
}

interface Route<Id extends string> {
  readonly id: Id;
  readonly operation: Operation;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

const parameter = /\{(\w+)(:\.\*)?\}/g;

function patternOf(path: string): { pattern: RegExp; names: string[] } {
  const names: string[] = [];
  const source = path.replace(parameter, (_, name: string, greedy: string | undefined) => {
    names.push(name);
    return greedy === undefined ? "([^/]+)" : "(.+)";
  });
  return { pattern: new RegExp(`^${source}$`), names };
}

/**
 * Finds the operation of a method and path. Paths without parameters come before those with, which keep their order.
 */
export class Router<Id extends string> {
  readonly #exact = new Map<string, { id: Id; operation: Operation }>();
  /** By method and first segment. */
  readonly #routes = new Map<string, Route<Id>[]>();

  constructor(operations: Readonly<Record<Id, Operation>>) {
    for (const [id, operation] of Object.entries(operations) as [Id, Operation][]) {
      if (!operation.path.includes("{")) {
        this.#exact.set(`${operation.method} ${operation.path}`, { id, operation });
        continue;
      }
      const key = `${operation.method} ${operation.path.split("/")[1]}`;
      const routes = this.#routes.get(key) ?? [];
      routes.push({ id, operation, ...patternOf(operation.path) });
      // `/images/{name}` also matches `/images/x/json`: what is fixed at the end goes first.
      routes.sort((a, b) => Number(a.operation.path.endsWith("}")) - Number(b.operation.path.endsWith("}")));
      this.#routes.set(key, routes);
    }
  }

  match(method: string, path: string): Match<Id> | undefined {
    const exact = this.#exact.get(`${method} ${path}`);
    if (exact) return { ...exact, params: {} };
    for (const route of this.#routes.get(`${method} ${path.split("/", 2)[1]}`) ?? []) {
      const found = route.pattern.exec(path);
      if (!found) continue;
      const params = Object.fromEntries(route.names.map((name, i) => [name, found[i + 1] ?? ""]));
      return { id: route.id, operation: route.operation, params };
    }
    return undefined;
  }
}
