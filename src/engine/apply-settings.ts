import { configureTransport } from "../distribution/transport.ts";
import { findRuntimes } from "../runtime/oci-runtime.ts";
import type { Engine, EngineSettings } from "./engine.ts";

/**
 * Takes over, of `next`, what may change while the daemon runs: where images are got from and how, what is kept of them,
 * labels, and the runtimes of containers to come. Throws `invalidArgument`, and changes nothing, when that is not valid.
 */
export function applySettings(engine: Engine, next: EngineSettings): void {
  const runtimes = findRuntimes(next.runtimes);
  configureTransport(engine.transport, next.transfer);
  Object.assign(engine.containers.settings, runtimes);
  engine.dropper.setPolicy(next.keepLayerBlobs);
  const { debug, labels, transfer, keepLayerBlobs, runtimes: wanted } = next;
  Object.assign(engine.settings, { debug, labels, transfer, keepLayerBlobs, runtimes: wanted });
}
