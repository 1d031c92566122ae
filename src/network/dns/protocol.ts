import { join } from "node:path";
import type { NamedSandbox } from "../name-server.ts";

/** What the daemon tells the resolver, one JSON object a line. Each gets an answer with its `id`. */
export type ResolverCall = { id: number } & (
  | { call: "put"; sandbox: NamedSandbox }
  | { call: "drop"; containerId: string }
  | { call: "replace"; all: readonly NamedSandbox[] }
  | { call: "end" }
);

export interface ResolverAnswer {
  id: number;
  error?: string;
}

/** The resolver's own files below the exec root. */
export function resolverPaths(execRoot: string) {
  return { socket: join(execRoot, "resolver.sock"), log: join(execRoot, "resolver.log") };
}
