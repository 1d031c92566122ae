import { expect, test } from "bun:test";
import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { detectCgroups } from "../linux/cgroup.ts";
import { checkRequest } from "./check.ts";
import { readCgroupFeatures } from "./spec/cgroup-features.ts";
import { readSpecHost } from "./spec/spec-host.ts";

const host = readSpecHost();
const features = readCgroupFeatures(detectCgroups());
const check = (hostConfig: HostConfig, config: ContainerConfig = {}) =>
  checkRequest({ config, hostConfig }, { specHost: host, features, runtimes: [] }).value;

const refused: [HostConfig, string][] = [
  [{ SecurityOpt: ["foo"] }, 'invalid --security-opt 1: "foo"'],
  [{ SecurityOpt: ["foo=bar"] }, 'invalid --security-opt 2: "foo=bar"'],
  [{ SecurityOpt: ["no-new-privileges=maybe"] }, 'invalid --security-opt 2: "no-new-privileges=maybe"'],
  [{ SecurityOpt: ["seccomp={"] }, "invalid seccomp profile"],
  [{ CapAdd: ["FOO"] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  [{ IpcMode: "foo" }, "Invalid IPC mode: foo"],
  [{ IpcMode: "container:" }, "Invalid IPC mode: container:"],
  [{ Ulimits: [{ Name: "nosuch" }] }, "invalid ulimit type: nosuch"],
  [{ DeviceCgroupRules: ["c 1:2"] }, "invalid device cgroup rule format: 'c 1:2'"],
  [{ Tmpfs: { "/x": "foo" } }, 'invalid tmpfs option "foo"'],
];
test.each(refused)("%j is refused with Docker's words", (hostConfig, message) => {
  expect(() => check(hostConfig)).toThrow(message);
});

test("a host name and the host's own exclude each other", () => {
  expect(() => check({ UTSMode: "host" }, { Hostname: "x" })).toThrow(
    "conflicting options: hostname and the UTS mode",
  );
});

test("masked paths are filled in, but not over the user's own", () => {
  expect(check({}).MaskedPaths).toContain("/proc/kcore");
  expect(check({ MaskedPaths: [] }).MaskedPaths).toEqual([]);
  expect(check({ Privileged: true }).MaskedPaths).toBeUndefined();
});
