import { join } from "node:path";
import type { NamedSandbox } from "../name-server.ts";
import type { KeptPort } from "../port-keeper.ts";

/** A port whose socket the process `pid` has open as `fd`, from where it is duplicated (pidfd_getfd(2)). */
export interface OfferedPort extends KeptPort {
  pid: number;
  fd: number;
}

/** What the daemon tells the resolver, one JSON object a line. Each gets an answer with its `id`. */
export type ResolverCall = { id: number } & (
  | { call: "put"; sandbox: NamedSandbox }
  | { call: "drop"; containerId: string }
  | { call: "replace"; all: readonly NamedSandbox[] }
  | { call: "keep"; ports: readonly OfferedPort[] }
  | { call: "letGo"; keys: readonly string[] }
  | { call: "sockets" }
  | { call: "end" }
);

export interface ResolverAnswer {
  id: number;
  error?: string;
  /** To `sockets`: its process, and the descriptors of the ports that it keeps, by key. */
  kept?: { pid: number; sockets: Readonly<Record<string, number>> };
}

/** The resolver's own files below the exec root. */
export function resolverPaths(execRoot: string) {
  return { socket: join(execRoot, "resolver.sock"), log: join(execRoot, "resolver.log") };
}
