import { expect, test } from "bun:test";
import { cgroupPathOf } from "./container-cgroup.ts";

test.each([
  ["/docker/abc", "/docker/abc"],
  ["docker/abc", "/docker/abc"],
  ["system.slice:docker:abc", "/system.slice/docker-abc.scope"],
  ["user-1000.slice:docker:abc", "/user.slice/user-1000.slice/docker-abc.scope"],
  [":docker:abc", "/system.slice/docker-abc.scope"],
])("cgroupsPath %s is %s", (cgroupsPath, path) => {
  expect(cgroupPathOf(cgroupsPath)).toBe(path);
});
