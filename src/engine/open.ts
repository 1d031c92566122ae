import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DiskWorkers } from "../archive/disk-workers.ts";
import { KeyedQueue, waitAtMost } from "../base/async.ts";
import { dockerRelease } from "../base/build.ts";
import { systemClock } from "../base/clock.ts";
import { Cleanups, runCleanups } from "../base/disposables.ts";
import { cryptoRandom } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { BuildCache } from "../builder/cache.ts";
import { CacheMounts } from "../builder/cache-mounts.ts";
import { ContextStore } from "../builder/session/context-store.ts";
import { type Container, isRunning } from "../containers/container.ts";
import { ContainerSet } from "../containers/container-set.ts";
import type { ContainerDeps, ContainerSettings } from "../containers/deps.ts";
import { Execs } from "../containers/execs.ts";
import { watchExits } from "../containers/exit.ts";
import { HealthMonitors } from "../containers/health-monitors.ts";
import { Removals } from "../containers/removals.ts";
import { Restarts } from "../containers/restart-policy.ts";
import { readCgroupFeatures } from "../containers/spec/cgroup-features.ts";
import { readSpecHost, warmUp } from "../containers/spec/spec-host.ts";
import { Waiters } from "../containers/waiters.ts";
import { createTransport } from "../distribution/transport.ts";
import { BlobDropper } from "../images/blob-dropper.ts";
import { BlobStore } from "../images/blobs.ts";
import { ImageStore } from "../images/images.ts";
import { LayerStore } from "../images/layers.ts";
import { Trash } from "../images/trash.ts";
import { type Cgroups, detectCgroups } from "../linux/cgroup.ts";
import { CgroupReadiness } from "../linux/cgroup-readiness.ts";
import { ResolverClient } from "../network/dns/client.ts";
import { NetworkManager } from "../network/manager.ts";
import type { Digest } from "../oci/digest.ts";
import { Plugins } from "../plugins/client.ts";
import { dockerPluginFolders } from "../plugins/discovery.ts";
import { findRuntimes } from "../runtime/oci-runtime.ts";
import { SupervisorClient } from "../runtime/supervisor/client.ts";
import { checkRemap, openUserRemap } from "../security/user-remap.ts";
import { BuildCacheTable, buildCacheMigrations } from "../store/build-cache.ts";
import { ContainerTable, containerMigrations } from "../store/containers.ts";
import { Database } from "../store/database.ts";
import { imageMigrations } from "../store/images.ts";
import { MetaTable, metaMigrations } from "../store/meta.ts";
import { networkMigrations } from "../store/networks.ts";
import { ResourceTable, resourceMigrations } from "../store/resources.ts";
import { volumeMigrations } from "../store/volumes.ts";
import { ContainerVolumes, type MountableImages } from "../volumes/container-volumes.ts";
import { HostPaths } from "../volumes/host-paths.ts";
import { pluginDrivers } from "../volumes/plugin-driver.ts";
import { VolumeStore } from "../volumes/volumes.ts";
import { databaseName, openRoots } from "./data-root.ts";
import type { Engine, EngineSettings } from "./engine.ts";
import { EventJournal } from "./event-journal.ts";
import { EventBus } from "./events.ts";
import { requireKernel } from "./kernel.ts";
import { containerEvents, networkEvents, pruned } from "./object-events.ts";
import { reconcile, startByPolicy, takeUpContainers } from "./reconcile.ts";
import { lockRoots } from "./root-lock.ts";

/** How long starts and clearings-up that are under way may hold up the daemon's end, in milliseconds. */
const turnsPatience = 5000;

/** How many archives of containers' files are made at a time; more of them wait. */
const maxPackers = 16;

/** How many threads may wait for file systems of the host that do not answer; they take no more than their stacks. */
const maxLookers = 32;

export const migrations = [
  ...metaMigrations,
  ...resourceMigrations,
  ...imageMigrations,
  ...containerMigrations,
  ...networkMigrations,
  ...volumeMigrations,
  ...buildCacheMigrations,
];

/**
 * Takes the roots, brings rows, kernel and disk together, and starts what wants to run. Disposing of the engine ends
 * the daemon's part; containers run on. Throws `conflict` when another daemon has the roots, `unavailable` when the kernel is
 * too old.
 */
export async function openEngine(settings: EngineSettings, log: Logger): Promise<Engine> {
  await using undo = new Cleanups();
  requireKernel();
  const { dataRoot, execRoot } = settings;
  openRoots(dataRoot, execRoot);
  const lock = lockRoots(dataRoot, execRoot);
  undo.add(() => lock[Symbol.dispose]());
  const database = Database.open(join(dataRoot, databaseName), migrations);
  undo.add(() => database[Symbol.dispose]());
  const clock = systemClock;
  const journal = new EventJournal(join(dataRoot, "events.log"), log);
  undo.add(() => journal[Symbol.dispose]());
  const events = new EventBus(clock, journal);
  const cgroup = detectCgroups();
  const resources = new ResourceTable(database);
  const set = new ContainerSet(new ContainerTable(database));
  // Its process takes as long to start as everything below: both go on at once.
  const connecting = SupervisorClient.connect({ execRoot, command: settings.supervisorCommand, log });
  undo.add(() => endSupervisor(connecting, set));
  connecting.catch(() => {}); // thrown below, where it is waited for
  const imageParts = openImages({ dataRoot, log, database, events, set });
  undo.add(() => imageParts.workers[Symbol.dispose]());
  undo.add(() => imageParts.packers[Symbol.dispose]());
  undo.add(() => imageParts.lookers[Symbol.dispose]());
  const resolver = new ResolverClient({ execRoot, command: settings.resolverCommand, log });
  const userRemap = openUserRemap(settings.userRemap);
  undo.add(() => userRemap?.[Symbol.dispose]());
  if (userRemap) checkRemap(userRemap, settings);
  const network = new NetworkManager({
    database,
    resources,
    execRoot,
    config: settings.network,
    log,
    events: networkEvents(events),
    names: resolver,
    ports: resolver,
    namespaceOwner: userRemap,
  });
  await network.start();
  undo.add(() => network.shutdown());
  const supervisor = await connecting;
  const volumeParts = openVolumes({ settings, log, database, events }, imageParts);
  const containers: ContainerDeps = {
    roots: { dataRoot, execRoot },
    settings: { ...containerSettings(settings, cgroup), userRemap },
    specHost: readSpecHost(log),
    cgroupFeatures: readCgroupFeatures(cgroup),
    readiness: new CgroupReadiness(cgroup),
    set,
    execs: new Execs(),
    resources,
    images: imageParts.images,
    layers: imageParts.layers,
    network,
    volumes: volumeParts.containerVolumes,
    hostPaths: volumeParts.hostPaths,
    supervisor,
    turns: new KeyedQueue(),
    waiters: new Waiters(),
    restarts: new Restarts(),
    removals: new Removals(),
    health: new HealthMonitors(),
    events: containerEvents(events),
    pruned: (reclaimed) => pruned(events, "container", reclaimed),
    clock,
    random: cryptoRandom,
    log,
  };
  // What is under way is brought to its end: with half of it the next daemon would have to deal.
  undo.add(() => waitAtMost(turnsPatience, containers.turns.idle()));
  undo.add(() => containers.restarts.stop());
  undo.add(() => containers.health.stop());
  const inits = await takeUpContainers(containers);
  const watching = watchExits(containers);
  undo.add(() => watching[Symbol.dispose]());
  await reconcile(containers, inits);
  await imageParts.images.reconcile();
  const dropper = new BlobDropper({ ...imageParts, log }, settings.keepLayerBlobs);
  undo.add(() => dropper[Symbol.asyncDispose]());
  dropper.soon();
  startByPolicy(containers);
  // The first container need not pay for it.
  setTimeout(() => warmUp(containers.specHost)).unref();
  const transport = createTransport({
    userAgent: `docker/${dockerRelease} longshore`,
    ...settings.transfer,
    log,
  });
  const { cache, cacheMounts, contexts, trash: _trash, lookers: _lookers, ...imageStores } = imageParts;
  const steps = undo.keep();
  return {
    id: new MetaTable(database).once("id", () => crypto.randomUUID()),
    settings,
    clock,
    log,
    events,
    containers,
    volumes: volumeParts.volumes,
    ...imageStores,
    dropper,
    transport,
    builder: { containers, ...imageStores, transport, cache, cacheMounts, contexts },
    cgroup,
    securityOptions: securityOptions(containers, cgroup),
    [Symbol.asyncDispose]: () => runCleanups(steps),
  };
}

function openVolumes(
  {
    settings,
    log,
    database,
    events,
  }: Pick<ImageParts, "log" | "database"> & { settings: EngineSettings; events: EventBus },
  { images, layers, lookers }: ReturnType<typeof openImages>,
) {
  const { dataRoot, execRoot } = settings;
  const plugins = new Plugins(dockerPluginFolders);
  const tell = (action: string, name: string, attributes: Record<string, string>) =>
    events.emit("volume", action, name, attributes);
  const hostPaths = new HostPaths(lookers);
  const volumes = new VolumeStore({
    database,
    dataRoot,
    clock: systemClock,
    events: tell,
    plugins: pluginDrivers(plugins),
    log,
  });
  const containerVolumes = new ContainerVolumes({
    database,
    store: volumes,
    images: mountableImages(images, layers),
    stagingRoot: join(execRoot, "mounts"),
    paths: hostPaths,
    events: tell,
    log,
  });
  return { volumes, containerVolumes, hostPaths };
}

function mountableImages(images: ImageStore, layers: LayerStore): MountableImages {
  return {
    find(reference) {
      const { id, layers: diffIds } = images.resolve(reference);
      return { id, layers: diffIds };
    },
    async layers(image) {
      const diffIds = image.layers as Digest[];
      // After a power failure, layers that had not reached the disk are unpacked again when they are needed.
      if (!diffIds.every((layer) => layers.has(layer))) await images.ensureUnpacked(images.resolve(image.id));
      return diffIds.map((layer) => layers.path(layer)).toReversed();
    },
  };
}

interface ImageParts {
  dataRoot: string;
  log: Logger;
  database: Database;
  events?: EventBus;
  set: ContainerSet;
}

/** The ids of the images that a container needs: its own, and those that it mounts. */
export function imagesOf({ spec }: Container): string[] {
  return [spec.imageId, ...spec.mounts.flatMap(({ image }) => image?.id ?? [])];
}

/** The image store, its rows and files in agreement. */
export function openImages({ dataRoot, log, database, events, set }: ImageParts) {
  const clock = systemClock;
  const workers = new DiskWorkers();
  // A client that reads slowly holds a thread.
  const packers = new DiskWorkers(maxPackers);
  const lookers = new DiskWorkers(maxLookers);
  const trash = new Trash(dataRoot, workers);
  const blobs = new BlobStore({ dataRoot, database, trash, clock, log });
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const layers = new LayerStore({ dataRoot, database, blobs, workers, trash, log, bootId });
  blobs.reconcile();
  layers.reconcile();
  const cache = new BuildCache(new BuildCacheTable(database), layers, clock);
  const cacheMounts = new CacheMounts(dataRoot, trash);
  const contexts = new ContextStore({ dataRoot, trash, bootId, log });
  const images = new ImageStore({
    retained: () => cache.digests(),
    database,
    blobs,
    layers,
    trash,
    clock,
    log,
    inUse: () =>
      set.everything().flatMap((container) => {
        const common = { containerId: container.id, running: isRunning(container) };
        return imagesOf(container).map((imageId) => ({ ...common, imageId }));
      }),
    onEvent: ({ action, id, name }) => events?.emit("image", action, id, { name }),
  });
  return { workers, packers, lookers, trash, blobs, layers, images, cache, cacheMounts, contexts };
}

/** The supervisor is needed only as long as containers run. */
async function endSupervisor(connecting: Promise<SupervisorClient>, set: ContainerSet): Promise<void> {
  const supervisor = await connecting.catch(() => undefined); // has been thrown where it was waited for
  if (!supervisor) return;
  if (!set.everything().some(isRunning)) await supervisor.shutdown();
  await supervisor[Symbol.asyncDispose]();
}

function containerSettings(settings: EngineSettings, cgroup: Cgroups): ContainerSettings {
  const { defaultRuntime, runtimes } = findRuntimes(settings.runtimes);
  return {
    defaultRuntime,
    runtimes,
    logDriver: settings.logDriver,
    logOptions: settings.logOptions,
    ulimits: settings.ulimits,
    cgroupParent: settings.cgroupParent,
    cgroupDriver: "cgroupfs",
    defaultCgroupns: settings.cgroupns ?? (cgroup.mode === "v2" ? "private" : "host"),
    defaultIpc: settings.ipcMode,
    shmSize: settings.shmSize,
    init: settings.init,
    initPath: settings.initPath,
    dns: settings.dns,
    cdiDirectories: settings.cdiDirectories,
    securityDefaults: settings.securityDefaults,
  };
}

/** What `docker info` shows of the confinement that containers get. */
function securityOptions({ specHost, settings }: ContainerDeps, cgroup: Cgroups): string[] {
  return [
    ...(specHost.security.apparmor ? ["name=apparmor"] : []),
    ...(specHost.security.seccomp ? ["name=seccomp,profile=builtin"] : []),
    ...(settings.userRemap ? ["name=userns"] : []),
    ...(settings.defaultCgroupns === "private" && cgroup.mode === "v2" ? ["name=cgroupns"] : []),
  ];
}
