import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

/** Devices by their CDI names; made up of device nodes that every host has. */
describe("devices of the Container Device Interface", () => {
  let daemon: TestDaemon;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cdi-"));
    await mkdir(join(folder, "specs"));
    await writeFile(join(folder, "given.txt"), "given\n");
    const spec = {
      cdiVersion: "0.6.0",
      kind: "acme.test/gpu",
      containerEdits: { env: ["ACME=common"] },
      devices: [
        {
          name: "0",
          containerEdits: {
            deviceNodes: [{ path: "/dev/acme0", hostPath: "/dev/full", permissions: "rw" }],
            mounts: [{ hostPath: join(folder, "given.txt"), containerPath: "/given.txt" }],
            additionalGids: [4711],
          },
        },
        { name: "1", containerEdits: { env: ["ONE=1"], deviceNodes: [{ path: "/dev/zero" }] } },
      ],
    };
    await writeFile(join(folder, "specs/acme.json"), JSON.stringify(spec));
    await writeFile(
      join(folder, "specs/other.yaml"),
      'cdiVersion: "0.6.0"\nkind: other.test/net\ndevices:\n  - name: a\n    containerEdits:\n      env:\n        - NET=a\n',
    );
    daemon = await TestDaemon.start({
      images: ["busybox"],
      flags: ["--cdi-spec-dir", join(folder, "specs")],
    });
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }, 60_000);

  const sh = (flags: string[], script: string) =>
    daemon.docker("run", "--rm", ...flags, "busybox", "sh", "-c", script);

  test("a device by its name: node, permission, mount, group and variables", async () => {
    const { stdout, code } = await sh(
      ["--device", "acme.test/gpu=0"],
      "ls /dev/acme0 && (echo x > /dev/acme0) 2>&1 | grep -o 'No space'; cat /given.txt; echo $ACME; id -G",
    );
    expect(stdout).toMatch(/^\/dev\/acme0\n(.*\n)?given\ncommon\n.*\b4711\b.*\n$/);
    expect(code).toBe(0);
  });

  test("names of several specifications, YAML too; --gpus takes those of class gpu", async () => {
    const both = await sh(
      ["--device", "other.test/net=a", "--device", "acme.test/gpu=1"],
      "echo $NET $ONE $ACME",
    );
    expect(both.stdout).toBe("a 1 common\n");
    expect((await sh(["--gpus", "all"], "ls /dev/acme0; echo $ONE")).stdout).toBe("/dev/acme0\n1\n");
    expect((await sh(["--gpus", "1"], "ls /dev/acme0; echo $ONE")).stdout).toBe("/dev/acme0\n\n");
    expect((await sh(["--gpus", "device=1"], "echo $ONE")).stdout).toBe("1\n");
    expect(await daemon.must("info", "--format", "{{json .CDISpecDirs}}")).toBe(
      `["${join(folder, "specs")}"]`,
    );
  });

  test("what is not there is refused, and nothing runs", async () => {
    const refused: [string[], string][] = [
      [
        ["--device", "acme.test/gpu=9"],
        "CDI device injection failed: unresolvable CDI devices acme.test/gpu=9",
      ],
      [["--gpus", "3"], "could not select 3 devices of acme.test/gpu: there are 2"],
      [["--gpus", "driver=nosuch"], 'could not select device driver "nosuch" with capabilities: [[gpu]]'],
    ];
    for (const [flags, message] of refused) {
      const { stderr, code } = await sh(flags, "true");
      expect(stderr).toContain(message);
      expect(code).toBe(125);
    }
    await writeFile(join(folder, "specs/bad.json"), "{");
    expect((await sh(["--gpus", "all"], "true")).stderr).toContain("invalid CDI specification");
    expect((await sh([], "echo fine")).stdout).toBe("fine\n");
    await rm(join(folder, "specs/bad.json"));
  });
});
