import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";

/** Imports an image `busybox` with a few programs: a daemon in a network of its own reaches no registry. */
export async function importBusybox(daemon: TestDaemon, folder: string): Promise<void> {
  const bin = join(folder, "image/bin");
  mkdirSync(bin, { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(bin, "busybox"));
  for (const name of ["sh", "httpd", "echo", "tr", "sed", "sleep", "ping", "nslookup"]) {
    symlinkSync("busybox", join(bin, name));
  }
  await run(["tar", "-C", join(folder, "image"), "-cf", join(folder, "image.tar"), "."]);
  await daemon.must("import", join(folder, "image.tar"), "busybox");
}
