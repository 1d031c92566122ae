import { expect, test } from "bun:test";
import type { HostConfig } from "../../api/host-config.ts";
import { parseBind } from "../../volumes/parse-bind.ts";
import { containerMounts, type MountsInput } from "./mounts.ts";

const networkFiles = { resolvConf: "/n/resolv", hostname: "/n/hostname", hosts: "/n/hosts" };
const bind = (text: string) => parseBind(text, { volumeDriver: "", newName: () => "name" });

function mounts(host: HostConfig, more: Partial<MountsInput> = {}) {
  const { mounts: list } = containerMounts({
    host,
    mounts: [],
    networkFiles,
    shmPath: undefined,
    initPath: undefined,
    recursiveReadOnly: true,
    writableCgroups: false,
    closeCgroupTmpfs: false,
    remapped: false,
    ...more,
  });
  return list;
}
const at = (list: ReturnType<typeof mounts>, path: string) =>
  list.filter((mount) => mount.destination === path);

test("/dev/shm follows the IPC mode", () => {
  const shm = (host: HostConfig, shmPath?: string) => at(mounts(host, { shmPath }), "/dev/shm")[0];
  expect(shm({})?.options).toContain("size=67108864");
  expect(shm({ ShmSize: 4096 })?.options).toContain("size=4096");
  expect(shm({ IpcMode: "none" })).toBeUndefined();
  expect(shm({ IpcMode: "host" })).toMatchObject({ type: "bind", source: "/dev/shm" });
  expect(shm({ IpcMode: "shareable" }, "/s")).toMatchObject({ type: "bind", source: "/s" });
});

test("the user's mounts take the place of the system's and the network's", () => {
  const list = mounts({ Tmpfs: { "/dev/shm": "" } }, { mounts: [bind("/a:/etc/hosts"), bind("/b:/dev")] });
  expect(at(list, "/etc/hosts")).toHaveLength(1);
  expect(at(list, "/etc/hosts")[0]?.source).toBe("/a");
  expect(at(list, "/dev/shm")).toHaveLength(1);
  expect(at(list, "/dev/pts")).toEqual([]);
});

test("outer mounts are made before inner ones", () => {
  const list = mounts({}, { mounts: [bind("/1:/x/y/z"), bind("/2:/x"), bind("/3:/x/y")] });
  const order = list.map((mount) => mount.destination).filter((path) => path.startsWith("/x"));
  expect(order).toEqual(["/x", "/x/y", "/x/y/z"]);
});

test("a read-only root has read-only network files; privileged has writable /sys and cgroups", () => {
  expect(at(mounts({ ReadonlyRootfs: true }), "/etc/hosts")[0]?.options).toContain("ro");
  const both = { Privileged: true, ReadonlyRootfs: true };
  for (const [host, sys, cgroup] of [
    [{}, true, true],
    [{ Privileged: true }, false, false],
    [both, true, false],
  ] as const) {
    const list = mounts(host);
    expect(at(list, "/sys")[0]?.options?.includes("ro")).toBe(sys);
    expect(at(list, "/sys/fs/cgroup")[0]?.options?.includes("ro")).toBe(cgroup);
  }
});

test("tmpfs options: the last of those that exclude each other, and none that a tmpfs has not", () => {
  const options = (text: string) => at(mounts({ Tmpfs: { "/t": text } }), "/t")[0]?.options;
  expect(options("size=1m,exec")).toEqual(["nosuid", "nodev", "rprivate", "size=1m", "exec"]);
  expect(options("")).toEqual(["noexec", "nosuid", "nodev", "rprivate"]);
  expect(() => options("foo")).toThrow('invalid tmpfs option "foo"');
});
