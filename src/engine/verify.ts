import { existsSync } from "node:fs";
import { join } from "node:path";
import { notFound } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { isRunning } from "../containers/container.ts";
import { ContainerSet } from "../containers/container-set.ts";
import { verifyImages } from "../images/verify.ts";
import { ContainerTable } from "../store/containers.ts";
import { Database } from "../store/database.ts";
import { databaseName } from "./data-root.ts";
import type { EngineSettings } from "./engine.ts";
import { imagesOf, migrations, openImages } from "./open.ts";
import { lockRoots } from "./root-lock.ts";

/** What `dockerd --verify` found: things that were mended, and things that somebody has to do something about. */
export interface Verified {
  mended: number;
  left: number;
}

/**
 * Checks the image store of a data root that no daemon uses, and mends it; each finding is a warning or an error in
 * `log`. Throws `conflict` when a daemon runs, `notFound` when there is no store.
 */
export async function verifyStore(
  { dataRoot, execRoot }: Pick<EngineSettings, "dataRoot" | "execRoot">,
  log: Logger,
): Promise<Verified> {
  const path = join(dataRoot, databaseName);
  if (!existsSync(path)) throw notFound(`${dataRoot} is no data root: ${databaseName} is not there`);
  using _lock = lockRoots(...[dataRoot, execRoot].filter((root) => existsSync(root)));
  using database = Database.open(path, migrations);
  const found = { mended: 0, left: 0 };
  const counting: Logger = {
    ...log,
    warn: (...given) => {
      found.mended++;
      log.warn(...given);
    },
    error: (...given) => {
      found.left++;
      log.error(...given);
    },
  };
  const set = new ContainerSet(new ContainerTable(database));
  const { workers, packers, ...stores } = openImages({ dataRoot, log: counting, database, set });
  using _workers = workers;
  using _packers = packers;
  const used = new Set(set.all().filter(isRunning).flatMap(imagesOf));
  const mounted = stores.images
    .everything()
    .filter(({ id }) => used.has(id))
    .flatMap(({ variants }) => variants.flatMap(({ config }) => config?.rootfs.diff_ids ?? []));
  await verifyImages({ ...stores, workers, log: counting }, new Set(mounted));
  await stores.layers.stop();
  return found;
}
