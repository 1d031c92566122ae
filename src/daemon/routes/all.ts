import type { Engine } from "../../engine/engine.ts";
import type { Handlers } from "../http/handler.ts";
import { buildHandlers } from "./build.ts";
import { containerFileHandlers } from "./container-files.ts";
import { containerProcessHandlers } from "./container-processes.ts";
import { containerHandlers } from "./containers.ts";
import { execHandlers } from "./exec.ts";
import { imageHandlers } from "./images.ts";
import { networkHandlers } from "./networks.ts";
import { swarmHandlers } from "./swarm.ts";
import { systemHandlers } from "./system.ts";
import { volumeHandlers } from "./volumes.ts";

/** The handlers of all operations that the daemon carries out. */
export function allHandlers(engine: Engine): Handlers {
  const { containers } = engine;
  return {
    ...systemHandlers(engine),
    ...swarmHandlers(),
    ...containerHandlers(containers, engine.settings),
    ...containerFileHandlers(engine),
    ...containerProcessHandlers(engine),
    ...execHandlers(containers),
    ...imageHandlers(engine),
    ...buildHandlers(engine),
    ...networkHandlers(containers),
    ...volumeHandlers(engine.volumes),
  };
}
