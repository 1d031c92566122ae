import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { DatagramReceiver } from "../harness/datagrams.ts";

test("the service manager is told when the daemon is ready, and when it ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-service-"));
  const path = join(folder, "notify");
  process.env.NOTIFY_SOCKET = path;
  try {
    using manager = new DatagramReceiver(path);
    await using daemon = await TestDaemon.start({ images: ["busybox"] });
    const told = () => manager.receive().map(String);
    expect(told()).toEqual(["READY=1"]);
    // Neither containers nor our other processes talk to it.
    expect(await daemon.must("run", "--rm", "busybox", "sh", "-c", "echo -n $NOTIFY_SOCKET")).toBe("");
    await daemon.end("SIGTERM");
    expect(told()).toEqual(["STOPPING=1"]);
    await daemon.launch();
    expect(told()).toEqual(["READY=1"]);
  } finally {
    delete process.env.NOTIFY_SOCKET;
    rmSync(folder, { recursive: true });
  }
});
