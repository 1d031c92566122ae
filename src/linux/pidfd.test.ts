import { expect, test } from "bun:test";
import { Pidfd } from "./pidfd.ts";

test("a signal that comes while a process is looked at changes nothing", async () => {
  const ignore = () => {};
  process.on("SIGIO", ignore);
  const storm = Bun.spawn(["sh", "-c", `while kill -s IO ${process.pid}; do :; done`]);
  try {
    using other = Pidfd.open(storm.pid);
    const seen = new Set<boolean | undefined>();
    for (let look = 0; look < 300_000; look++) seen.add(other?.ended);
    expect([...seen]).toEqual([false]);
  } finally {
    storm.kill("SIGKILL");
    await storm.exited;
    process.off("SIGIO", ignore);
  }
});
