import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DiskWorkers } from "../archive/disk-workers.ts";
import { messageOf } from "../base/errors.ts";
import { Filters } from "../base/filters.ts";
import { silentLogger } from "../base/log.ts";
import { Database } from "../store/database.ts";
import { resourceMigrations } from "../store/resources.ts";
import { volumeMigrations } from "../store/volumes.ts";
import { ContainerVolumes, type MountableImages } from "./container-volumes.ts";
import { HostPaths } from "./host-paths.ts";
import { VolumeStore } from "./volumes.ts";

let directory: string;
let database: Database;
let volumes: VolumeStore;
let containers: ContainerVolumes;
let events: string[];

function open() {
  const tell = (action: string, volume: string) => void events.push(`${action} ${volume}`);
  const store = new VolumeStore({ database, dataRoot: directory, events: tell });
  return {
    store,
    containers: new ContainerVolumes({
      database,
      store,
      images: noImages,
      stagingRoot: join(directory, "mounts"),
      paths: new HostPaths(new DiskWorkers(1)),
      log: silentLogger,
      events: tell,
    }),
  };
}
const content = (name: string) => join(directory, "volumes", name, "_data");

beforeEach(() => {
  directory = mkdtempSync("/tmp/longshore-volumes-");
  database = Database.open(":memory:", [...resourceMigrations, ...volumeMigrations]);
  events = [];
  ({ store: volumes, containers } = open());
});
afterEach(() => {
  database[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

const noImages: MountableImages = {
  find: (reference) => {
    throw new Error(reference);
  },
  layers: async () => [],
};
const none = () => ({ spec: { mounts: [] } });
const plan = (id: string, Binds: string[], Volumes: Record<string, Record<string, never>> = {}) =>
  containers.plan(id, { config: { Volumes }, hostConfig: { Binds }, volumesFrom: none });

describe("volumes", () => {
  test("are made once, kept with labels and options, and listed by filters", async () => {
    await volumes.create({ Name: "data", Labels: { a: "b" } });
    expect((await volumes.create({ Name: "data" })).labels).toEqual({ a: "b" });
    const anonymous = await volumes.create({});
    expect(anonymous.labels).toEqual({ "com.docker.volume.anonymous": "" });
    const names = (filters: [string, string[]][]) =>
      volumes.list(new Filters(filters)).map((volume) => volume.name);
    expect(names([["label", ["a=b"]]])).toEqual(["data"]);
    expect(names([["name", ["dat"]]])).toEqual(["data"]);
    expect(names([["dangling", ["false"]]])).toEqual([]);
    expect(existsSync(join(directory, "volumes/data/_data"))).toBe(true);
  });

  test("that make no sense are refused as Docker does", async () => {
    const create = (Name: string, DriverOpts: Record<string, string> = {}) =>
      volumes.create({ Name, DriverOpts });
    await expect(create("x")).rejects.toThrow(
      "create x: volume name is too short, names should be at least two alphanumeric",
    );
    await expect(create("aa/bb")).rejects.toThrow(
      'create aa/bb: "aa/bb" includes invalid characters for a local volume name',
    );
    await expect(create("xy", { foo: "" })).rejects.toThrow('create xy: invalid option: "foo"');
    await expect(create("xy", { type: "tmpfs" })).rejects.toThrow(
      'create xy: missing required option: "device"',
    );
    await expect(volumes.create({ Name: "qq", Driver: "no" })).rejects.toThrow(
      'create qq: error looking up volume plugin no: plugin "no" not found',
    );
    expect(volumes.all()).toEqual([]);
  });

  test("are not removed while a container has them", async () => {
    const mounts = await plan("c1", ["data:/x"]);
    await expect(volumes.remove("data")).rejects.toThrow("remove data: volume is in use - [c1]");
    await containers.forgetContainer("c1", mounts, { removeAnonymous: true });
    expect(volumes.find("data")).toBeDefined();
    await volumes.remove("data");
    await expect(volumes.remove("data")).rejects.toThrow("get data: no such volume");
    await volumes.remove("data", { force: true });
    expect(readdirSync(join(directory, "volumes"))).toEqual([]);
    expect(readdirSync(join(directory, "trash"))).toEqual([]);
    expect(events).toEqual(["create data", "destroy data"]);
  });

  test("without a name go with their container, if that is asked and no other has them", async () => {
    const mounts = await plan("c1", [], { "/a": {} });
    const name = mounts[0]?.name ?? "";
    await containers.plan("c2", {
      config: {},
      hostConfig: { VolumesFrom: ["c1"] },
      volumesFrom: () => ({ spec: { mounts } }),
    });
    await containers.forgetContainer("c1", mounts, { removeAnonymous: true });
    expect(volumes.containersOf(name)).toEqual(["c2"]);
    await containers.forgetContainer("c2", mounts, { removeAnonymous: true });
    expect(volumes.find(name)).toBeUndefined();
  });

  test.each([true, false])("of a container whose removal was cut off stay as was asked: %p", async (stay) => {
    const [mount] = await plan("c1", [], { "/a": {} });
    containers.decideAnonymous("c1", stay);
    // The daemon is killed here, and the next one finds no row of the container.
    await open().containers.reconcile(new Set(), []);
    expect(volumes.find(mount?.name ?? "") !== undefined).toBe(stay);
    expect(volumes.containersOf(mount?.name ?? "")).toEqual([]);
  });

  test("of a plan that fails are not left behind", async () => {
    await volumes.create({ Name: "old" });
    await expect(plan("c1", ["new:/a", "old:/b", "z:/c"])).rejects.toThrow("volume name is too short");
    expect(volumes.all().map((volume) => volume.name)).toEqual(["old"]);
    await volumes.remove("old");
  });

  test("prune takes the anonymous ones that nobody has, or all", async () => {
    const mounts = await plan("c1", ["used:/x"], { "/a": {} });
    await volumes.create({ Name: "named", Labels: { keep: "1" } });
    const { name } = await volumes.create({});
    writeFileSync(join(content(name), "file"), "12345");
    expect(await volumes.prune(new Filters())).toEqual({ deleted: [name], reclaimed: 5 });
    const all: [string, string[]] = ["all", ["true"]];
    expect((await volumes.prune(new Filters([all, ["label!", ["keep"]]]))).deleted).toEqual([]);
    expect((await volumes.prune(new Filters([all]))).deleted).toEqual(["named"]);
    expect(volumes.all()).toHaveLength(mounts.length);
  });

  test("after a crash: claims of containers that never were, and volumes half made, are gone", async () => {
    const mounts = await plan("ghost", ["data:/x"], { "/a": {} });
    await volumes.create({ Name: "half" });
    rmSync(join(directory, "volumes/half"), { recursive: true });
    const next = open();
    await next.containers.reconcile(new Set(), []);
    expect(mounts).toHaveLength(2);
    expect(next.store.all().map((volume) => volume.name)).toEqual(["data"]);
    expect(next.store.containersOf("data")).toEqual([]);
  });
});

describe("the image's content", () => {
  const rootfs = () => join(directory, "rootfs");
  const names = (path: string) => Bun.spawnSync(["ls", "-1", path]).stdout.toString();

  test("is copied into an empty volume, once for a container, with owners, modes and links", async () => {
    const source = join(rootfs(), "srv/www");
    mkdirSync(join(source, "sub"), { recursive: true });
    writeFileSync(join(source, "file"), "hello", { mode: 0o640 });
    Bun.spawnSync(["ln", join(source, "file"), join(source, "sub/hard")]);
    symlinkSync("../../../../etc/passwd", join(source, "link"));
    Bun.spawnSync(["chown", "-h", "7:8", source, join(source, "file"), join(source, "link")]);
    Bun.spawnSync(["chmod", "2750", source]);
    Bun.spawnSync(["mknod", join(source, "null"), "c", "1", "3"]);
    const mounts = await plan("c1", [
      "data:/srv/www",
      "raw:/srv/www:nocopy".replace("/srv/www", "/srv/www2"),
    ]);
    const ready = await containers.prepare("c1", mounts, { rootfs: rootfs() });
    const target = ready[0]?.source ?? "";
    const list = (path: string) =>
      Bun.spawnSync(["sh", "-c", "find . -printf '%P %y %m %U:%G %n %l\\n' | sort"], {
        cwd: path,
      }).stdout.toString();
    expect(list(target)).toBe(list(source));
    expect(list(target)).toContain("null c");
    rmSync(join(target, "file"));
    await containers.prepare("c1", mounts, { rootfs: rootfs() });
    expect(names(target)).not.toContain("file");
  });

  test("does not come into a volume that holds something, nor with nocopy", async () => {
    mkdirSync(join(rootfs(), "d"), { recursive: true });
    writeFileSync(join(rootfs(), "d/image"), "");
    await volumes.create({ Name: "full" });
    writeFileSync(join(content("full"), "mine"), "");
    const mounts = await plan("c1", ["full:/d", "raw:/e:nocopy"]);
    mkdirSync(join(rootfs(), "e"));
    writeFileSync(join(rootfs(), "e/image"), "");
    await containers.prepare("c1", mounts, { rootfs: rootfs() });
    expect(names(content("full"))).toBe("mine\n");
    expect(names(content("raw"))).toBe("");
  });

  test("is never the host's, whatever links the image has; a file cannot be covered", async () => {
    mkdirSync(join(directory, "secret"));
    writeFileSync(join(directory, "secret/key"), "");
    mkdirSync(rootfs());
    symlinkSync(join(directory, "secret"), join(rootfs(), "link"));
    symlinkSync("../../../../../../../../..", join(rootfs(), "up"));
    const mounts = await plan("c1", ["v1:/link", `v2:/up${directory}/secret`]);
    await containers.prepare("c1", mounts, { rootfs: rootfs() });
    expect(names(content("v1")) + names(content("v2"))).toBe("");
    writeFileSync(join(rootfs(), "file"), "");
    const over = await plan("c2", ["v3:/file"]);
    await expect(containers.prepare("c2", over, { rootfs: rootfs() })).rejects.toThrow(
      "cannot mount volume over existing file, file exists /file",
    );
  });
});

test("a missing source of -v is made, one of --mount is an error", async () => {
  const made = join(directory, "made/here");
  const missing = await plan("c1", [`${made}:/x`]);
  await containers.prepare("c1", missing, { rootfs: directory });
  expect(existsSync(made)).toBe(true);
  const gone = join(directory, "gone");
  mkdirSync(gone);
  const mounts = await containers.plan("c2", {
    config: {},
    hostConfig: { Mounts: [{ Type: "bind", Source: gone, Target: "/x" }] },
    volumesFrom: none,
  });
  rmSync(gone, { recursive: true });
  // `rejects` hears no threads while it waits.
  const refused = await containers.prepare("c2", mounts, { rootfs: directory }).catch(messageOf);
  expect(refused).toBe(`invalid mount config for type "bind": bind source path does not exist: ${gone}`);
});
