import { expect, test } from "bun:test";
import { cgroupsOf } from "./cgroup.ts";
import { parseMountinfo } from "./mountinfo.ts";

const v2 =
  "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";
const hybrid = [
  "31 30 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw",
  "32 30 0:28 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,xattr,name=systemd",
  "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 - cgroup cgroup rw,cpu,cpuacct",
  "34 30 0:30 / /sys/fs/cgroup/memory rw shared:8 - cgroup cgroup rw,memory,release_agent=/sbin/agent",
  "90 50 0:30 / /var/lib/other/memory rw - cgroup cgroup rw,memory",
];

const detect = (lines: string[], controllers: string[]) =>
  cgroupsOf(parseMountinfo(lines), () => controllers);

test("each of the three layouts of cgroups is told from the others", () => {
  expect(detect([v2], ["cpu", "memory", "pids"])).toMatchObject({
    mode: "v2",
    version: "2",
    controllers: new Set(["cpu", "memory", "pids"]),
  });
  const both = detect(hybrid, []);
  expect(both).toMatchObject({
    mode: "hybrid",
    version: "1",
    controllers: new Set(["cpu", "cpuacct", "memory"]),
  });
  expect(both.hierarchies.map(({ path }) => path)).not.toContain("/var/lib/other/memory");
  expect(detect(hybrid.slice(1), []).mode).toBe("v1");
});
