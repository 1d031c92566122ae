import type { Operation } from "./operation.ts";
import type { OperationId } from "./operations.ts";

type Group = Readonly<Record<string, Operation>>;

const build = async () => (await import("./operations/build.ts")).buildOperations;

/** The operations of a resource, by the word that their ids begin with. */
const byResource: Readonly<Record<string, () => Promise<Group>>> = {
  Container: async () => (await import("./operations/containers.ts")).containerOperations,
  Exec: async () => (await import("./operations/exec.ts")).execOperations,
  Grpc: build,
  Image: async () => (await import("./operations/images.ts")).imageOperations,
  Network: async () => (await import("./operations/networks.ts")).networkOperations,
  Ping: async () => (await import("./operations/ping.ts")).pingOperations,
  Session: build,
  System: async () => (await import("./operations/system.ts")).systemOperations,
  Volume: async () => (await import("./operations/volumes.ts")).volumeOperations,
};

/** An exec is made by an operation of its container, and declared with those of execs; a ping is asked for by itself. */
const exceptions: { readonly [Id in OperationId]?: string } = {
  ContainerExec: "Exec",
  SystemPingHead: "Ping",
};

/**
 * One operation. Loads its resource's part of the table only: a client that runs for one command spends more time on
 * loading all of the table than on its requests. What is not found in that part is looked up in the whole.
 */
export async function operationOf(id: OperationId): Promise<Operation> {
  const resource = exceptions[id] ?? /^[A-Z][a-z]+/.exec(id)?.[0] ?? "";
  const group: Group = (await byResource[resource]?.()) ?? {};
  return group[id] ?? (await import("./operations.ts")).operations[id];
}
