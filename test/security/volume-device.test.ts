import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readMounts } from "../../src/linux/mountinfo.ts";
import { Database } from "../../src/store/database.ts";
import { volumeMigrations } from "../../src/store/volumes.ts";
import { VolumeStore } from "../../src/volumes/volumes.ts";

const DriverOpts = { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=7,noexec" };

async function withStore(use: (open: () => VolumeStore, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync("/tmp/longshore-volume-device-");
  using database = Database.open(":memory:", volumeMigrations);
  try {
    await use(() => new VolumeStore({ database, dataRoot: directory }), directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const plan = (volumes: VolumeStore, id: string, name: string) =>
  volumes.plan(id, {
    config: {},
    hostConfig: { Binds: [`${name}:/x`] },
    volumesFrom: () => ({ spec: { mounts: [] } }),
  });
const mountAt = (path: string) => readMounts().find((mount) => mount.target === path);

test("a volume with a device is mounted while containers use it, and survives the daemon", () =>
  withStore(async (open, directory) => {
    const volumes = open();
    const { mountpoint } = volumes.create({ Name: "ram", DriverOpts });
    const first = await plan(volumes, "c1", "ram");
    const second = await plan(volumes, "c2", "ram");
    expect(mountAt(mountpoint)).toBeUndefined();
    const rootfs = directory;
    await Promise.all([volumes.prepare("c1", first, { rootfs }), volumes.prepare("c2", second, { rootfs })]);
    expect(readMounts().filter((mount) => mount.target === mountpoint)).toHaveLength(1);
    expect(mountAt(mountpoint)?.superOptions).toEqual(expect.arrayContaining(["size=1024k", "uid=7"]));
    expect(mountAt(mountpoint)?.options).toContain("noexec");
    writeFileSync(`${mountpoint}/file`, "");
    await volumes.release("c1");
    const next = open();
    await next.reconcile(new Set(["c1", "c2"]), [{ id: "c2", mounts: second }]);
    expect(mountAt(mountpoint)).toBeDefined();
    await next.release("c2");
    expect(mountAt(mountpoint)).toBeUndefined();
  }));

test("after a crash what is mounted for nobody is unmounted; a device that is none is an error", () =>
  withStore(async (open, directory) => {
    const volumes = open();
    const { mountpoint } = volumes.create({ Name: "ram", DriverOpts });
    await volumes.prepare("c1", await plan(volumes, "c1", "ram"), { rootfs: directory });
    await open().reconcile(new Set(["c1"]), []);
    expect(mountAt(mountpoint)).toBeUndefined();
    volumes.create({ Name: "bad", DriverOpts: { type: "nosuchfs", device: "x" } });
    const mounts = await plan(volumes, "c2", "bad");
    await expect(volumes.prepare("c2", mounts, { rootfs: directory })).rejects.toThrow(
      /^error while mounting volume '.*': failed to mount local volume: /,
    );
  }));
