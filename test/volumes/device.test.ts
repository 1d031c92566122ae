import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DiskWorkers } from "../../src/archive/disk-workers.ts";
import { silentLogger } from "../../src/base/log.ts";
import { readMounts } from "../../src/linux/mountinfo.ts";
import { Database } from "../../src/store/database.ts";
import { resourceMigrations } from "../../src/store/resources.ts";
import { volumeMigrations } from "../../src/store/volumes.ts";
import { ContainerVolumes, type MountableImages } from "../../src/volumes/container-volumes.ts";
import { HostPaths } from "../../src/volumes/host-paths.ts";
import { VolumeStore } from "../../src/volumes/volumes.ts";

const DriverOpts = { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=7,noexec" };

interface Volumes {
  store: VolumeStore;
  containers: ContainerVolumes;
}

const noImages: MountableImages = {
  find: (reference) => {
    throw new Error(reference);
  },
  layers: async () => [],
};

async function withVolumes(use: (open: () => Volumes, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync("/tmp/longshore-volume-device-");
  using lookers = new DiskWorkers(1);
  using database = Database.open(":memory:", [...resourceMigrations, ...volumeMigrations]);
  const open = () => {
    const store = new VolumeStore({ database, dataRoot: directory });
    const stagingRoot = join(directory, "mounts");
    const paths = new HostPaths(lookers);
    const parts = { database, store, stagingRoot, images: noImages, paths, log: silentLogger };
    return { store, containers: new ContainerVolumes(parts) };
  };
  try {
    await use(open, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const mountpointOf = (directory: string, name: string) => join(directory, "volumes", name, "_data");
const plan = ({ containers }: Volumes, id: string, name: string) =>
  containers.plan(id, {
    config: {},
    hostConfig: { Binds: [`${name}:/x`] },
    volumesFrom: () => ({ spec: { mounts: [] } }),
  });
const mountAt = (path: string) => readMounts().find((mount) => mount.target === path);

test("a volume with a device is mounted while containers use it, and survives the daemon", () =>
  withVolumes(async (open, directory) => {
    const volumes = open();
    const mountpoint = mountpointOf(directory, "ram");
    await volumes.store.create({ Name: "ram", DriverOpts });
    const first = await plan(volumes, "c1", "ram");
    const second = await plan(volumes, "c2", "ram");
    expect(mountAt(mountpoint)).toBeUndefined();
    const rootfs = directory;
    await Promise.all([
      volumes.containers.prepare("c1", first, { rootfs }),
      volumes.containers.prepare("c2", second, { rootfs }),
    ]);
    expect(readMounts().filter((mount) => mount.target === mountpoint)).toHaveLength(1);
    expect(mountAt(mountpoint)?.superOptions).toEqual(expect.arrayContaining(["size=1024k", "uid=7"]));
    expect(mountAt(mountpoint)?.options).toContain("noexec");
    writeFileSync(`${mountpoint}/file`, "");
    await volumes.containers.release("c1");
    const next = open();
    await next.containers.reconcile(new Set(["c1", "c2"]), [{ id: "c2", mounts: second }]);
    expect(mountAt(mountpoint)).toBeDefined();
    await next.containers.release("c2");
    expect(mountAt(mountpoint)).toBeUndefined();
  }));

test("after a crash what is mounted for nobody is unmounted; a device that is none is an error", () =>
  withVolumes(async (open, directory) => {
    const volumes = open();
    const mountpoint = mountpointOf(directory, "ram");
    await volumes.store.create({ Name: "ram", DriverOpts });
    await volumes.containers.prepare("c1", await plan(volumes, "c1", "ram"), { rootfs: directory });
    await open().containers.reconcile(new Set(["c1"]), []);
    expect(mountAt(mountpoint)).toBeUndefined();
    await volumes.store.create({ Name: "bad", DriverOpts: { type: "nosuchfs", device: "x" } });
    const mounts = await plan(volumes, "c2", "bad");
    await expect(volumes.containers.prepare("c2", mounts, { rootfs: directory })).rejects.toThrow(
      /^error while mounting volume '.*': failed to mount local volume: /,
    );
    const far = { type: "nfs", device: ":/x", o: "addr=no.such.host.invalid,rw" };
    await volumes.store.create({ Name: "far", DriverOpts: far });
    const away = await plan(volumes, "c3", "far");
    await expect(volumes.containers.prepare("c3", away, { rootfs: directory })).rejects.toThrow(
      /^error while mounting volume '.*': error resolving passed in network volume address: lookup no\.such\.host\.invalid: /,
    );
  }));
