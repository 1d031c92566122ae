/** `dockerd --bridge=none`: containers and steps of builds that ask for no network have loopback alone. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

test("a daemon without a bridge runs and builds without a network", async () => {
  await using daemon = await TestDaemon.start({ flags: ["--bridge=none"], images: ["busybox"] });
  expect(await daemon.must("network", "ls", "--format", "{{.Name}}")).toBe("host\nnone");
  const names = ["busybox", "ls", "/sys/class/net"];
  expect(await daemon.must("run", "--rm", ...names)).toBe("lo");
  expect(await daemon.must("run", "--rm", "--network=bridge", "-p", "80", ...names)).toBe("lo");

  const folder = mkdtempSync(join(tmpdir(), "longshore-no-bridge-"));
  try {
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM busybox\nRUN ls /sys/class/net > /seen\nRUN --network=none ls /sys/class/net >> /seen\n",
    );
    for (const args of [[], ["--network=default"]]) {
      await daemon.must("build", "-q", "--no-cache", "-t", "made", ...args, folder);
      expect(await daemon.must("run", "--rm", "made", "cat", "/seen")).toBe("lo\nlo");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }

  await daemon.must("network", "create", "own");
  expect((await daemon.must("run", "--rm", "--network=own", ...names)).split("\n")).toEqual(["eth0", "lo"]);
  await daemon.must("network", "rm", "own");
});
