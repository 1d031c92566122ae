import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DiskWorkers } from "../../src/archive/disk-workers.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Cleanups } from "../../src/base/disposables.ts";
import { silentLogger } from "../../src/base/log.ts";
import {
  createTransport,
  type RegistryTransport,
  type TransportOptions,
} from "../../src/distribution/transport.ts";
import { BlobStore } from "../../src/images/blobs.ts";
import { ImageStore } from "../../src/images/images.ts";
import { LayerStore } from "../../src/images/layers.ts";
import { Trash } from "../../src/images/trash.ts";
import { Database } from "../../src/store/database.ts";
import { imageMigrations } from "../../src/store/images.ts";

/** A data root of one test, deleted at its end. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync("/tmp/longshore-distribution-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Stores {
  blobs: BlobStore;
  layers: LayerStore;
  images: ImageStore;
  workers: DiskWorkers;
}

/** The stores of a data root, as a daemon opens them. */
export function openStores(dataRoot: string): Stores & AsyncDisposable {
  const cleanups = new Cleanups();
  const database = Database.open(join(dataRoot, "longshore.db"), imageMigrations);
  cleanups.add(() => database[Symbol.dispose]());
  const workers = new DiskWorkers(2);
  cleanups.add(() => workers[Symbol.dispose]());
  const common = { dataRoot, database, workers, trash: new Trash(dataRoot, workers), clock: systemClock };
  const blobs = new BlobStore({ ...common, log: silentLogger });
  blobs.reconcile();
  const layers = new LayerStore({ ...common, blobs, log: silentLogger, bootId: "test" });
  layers.reconcile();
  const images = new ImageStore({ ...common, blobs, layers, log: silentLogger, inUse: () => [] });
  cleanups.add(() => blobs.stop());
  cleanups.add(() => layers.stop());
  return { blobs, layers, images, workers, [Symbol.asyncDispose]: () => cleanups[Symbol.asyncDispose]() };
}

/** A transport that does not wait long. */
export function testTransport(options: Partial<TransportOptions> = {}): RegistryTransport {
  return createTransport({
    userAgent: "longshore-test",
    retryDelays: [1, 1, 1],
    stallTimeout: 300,
    certsDir: "/nonexistent",
    ...options,
  });
}
