import type { Operation, PathParams } from "./operation.ts";
import { buildOperations } from "./operations/build.ts";
import { containerOperations } from "./operations/containers.ts";
import { execOperations } from "./operations/exec.ts";
import { imageOperations } from "./operations/images.ts";
import { networkOperations } from "./operations/networks.ts";
import { pingOperations } from "./operations/ping.ts";
import { pluginOperations } from "./operations/plugins.ts";
import { secretOperations } from "./operations/secrets.ts";
import { swarmOperations } from "./operations/swarm.ts";
import { systemOperations } from "./operations/system.ts";
import { volumeOperations } from "./operations/volumes.ts";
import type { Infer } from "./schema.ts";

/**
 * The Engine API: every operation once, by the id that Docker's own description gives it. Routes of the daemon,
 * checks of requests and methods of the client come from this table.
 */
export const operations = {
  ...pingOperations,
  ...systemOperations,
  ...containerOperations,
  ...execOperations,
  ...imageOperations,
  ...buildOperations,
  ...volumeOperations,
  ...networkOperations,
  ...swarmOperations,
  ...secretOperations,
  ...pluginOperations,
} as const satisfies Record<string, Operation>;

export type Operations = typeof operations;
export type OperationId = keyof Operations;

export type ParamsOf<Id extends OperationId> = { [K in PathParams<Operations[Id]["path"]>]: string };
export type QueryOf<Id extends OperationId> = {
  [K in keyof Operations[Id]["query"]]: Infer<Operations[Id]["query"][K]>;
};
export type BodyOf<Id extends OperationId> = Infer<Operations[Id]["body"]>;
export type ResultOf<Id extends OperationId> = Infer<Operations[Id]["response"]>;
export type KindOf<Id extends OperationId> = Operations[Id]["response"]["kind"];
/** The operations that answer in one way: `OperationOf<"json">`. */
export type OperationOf<Kind> = { [Id in OperationId]: KindOf<Id> extends Kind ? Id : never }[OperationId];
