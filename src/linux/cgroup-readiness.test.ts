import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CgroupReadiness } from "./cgroup-readiness.ts";

test("the process moves itself to where it is, in the hierarchy that has its cgroup", async () => {
  const root = mkdtempSync(join(tmpdir(), "cgroup-readiness-"));
  const file = join(root, "pids/user/cgroup.procs");
  mkdirSync(join(root, "pids/user"), { recursive: true });
  writeFileSync(file, "");
  const hierarchies = [{ path: join(root, "pids"), version: 1 as const, controllers: ["pids"] }];
  const readiness = new CgroupReadiness({ hierarchies }, "9:name=systemd:/x\n8:pids:/user\n0::/\n");
  readiness.expectStart();
  for (let tries = 0; readFileSync(file, "utf8") === "" && tries < 500; tries++) await Bun.sleep(10);
  expect(readFileSync(file, "utf8")).toBe("0");
  rmSync(root, { recursive: true });
});

test("a process without a cgroup that is mounted does nothing", () => {
  new CgroupReadiness({ hierarchies: [] }, "0::/\n").expectStart();
});
