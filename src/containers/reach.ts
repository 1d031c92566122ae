import { type Container, hasProcess } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { mountOf } from "./file-view.ts";

/**
 * Resolves when the file systems behind a path of the container answer. Its own files always do; what it mounts may be
 * on a server. Throws `unavailable`.
 */
export async function reach(deps: ContainerDeps, container: Container, path: string): Promise<void> {
  const { state, spec } = container;
  const foreign = spec.mounts.filter(({ type }) => type === "bind" || type === "volume");
  if (foreign.length === 0) return;
  if (hasProcess(container)) {
    await deps.hostPaths.look(path, `/proc/${state.pid}/root`);
    return;
  }
  const holds = ({ destination }: { destination: string }) => `${path}/`.startsWith(`${destination}/`);
  for (const { source } of foreign.filter(holds)) if (source !== "") await deps.hostPaths.look(source);
  const inMount = mountOf(container, path);
  if (inMount) await deps.hostPaths.look(inMount.path, inMount.root);
}
