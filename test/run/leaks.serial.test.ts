import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { run, untilEmpty } from "../harness/process.ts";

const runs = 200;
const atATime = 8;

/** What one run after another does: all that a container can have, and all ways in which it can end. */
const lives: string[][] = [
  ["--rm", "hello-world"],
  ["--rm", "busybox", "sh", "-c", "exit 3"],
  ["--rm", "-v", "/anonymous", "busybox", "touch", "/anonymous/x"],
  ["--rm", "-p", "127.0.0.1::80", "-p", "127.0.0.1::53/udp", "busybox", "true"],
  ["--rm", "--network", "none", "busybox", "true"],
  ["--rm", "--network", "host", "busybox", "true"],
  ["--rm", "-t", "busybox", "echo", "terminal"],
  ["--rm", "busybox", "nosuch"],
  ["--rm", "--ipc", "shareable", "--tmpfs", "/t", "busybox", "true"],
  ["--rm", "-m", "32m", "--read-only", "--init=false", "busybox", "true"],
];

function pidOf(daemon: TestDaemon) {
  return { dockerd: daemon.pid, supervisor: daemon.supervisorPid };
}

/** Open files and children of both processes: what they must not gather. */
function held(daemon: TestDaemon): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pidOf(daemon))) {
    counts[`files of ${name}`] = readdirSync(`/proc/${pid}/fd`).length;
    const children = readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim(),
    );
    counts[`children of ${name}`] = children.join(" ").split(" ").filter(Boolean).length;
  }
  return counts;
}

/** Elements of sets, connections: what published ports put into the daemon's table. */
async function published(daemon: TestDaemon): Promise<string[]> {
  const { daemon: own } = await daemon.leftovers();
  const tables = own.filter((line) => line.startsWith("nft table ")).map((line) => line.split(" ")[3] ?? "");
  expect(tables.length).toBe(1);
  const { stdout } = await run(["nft", "list", "table", "ip", tables[0] ?? ""]);
  return stdout.split("\n").filter((line) => line.includes("elements"));
}

async function all(daemon: TestDaemon, count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const life = lives[next++ % lives.length] ?? [];
      const { code, stderr } = await daemon.docker("run", ...life);
      const wanted = life.includes("nosuch") ? 127 : life.includes("exit 3") ? 3 : 0;
      if (code !== wanted) throw new Error(`docker run ${life.join(" ")}: ${code}: ${stderr}`);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

test(`${runs} runs, ${atATime} at a time, leave nothing behind`, async () => {
  await using daemon = await TestDaemon.start({ images: ["busybox", "hello-world"] });
  const nothing = async () => (await daemon.leftovers()).containers;
  await all(daemon, 2 * lives.length);
  await untilEmpty("nothing is left of the first ones", nothing);
  const kinds = async () => {
    const counts: Record<string, number> = held(daemon);
    for (const line of (await daemon.leftovers()).daemon) {
      const kind = line.startsWith("/")
        ? "netns file"
        : line
            .split(" ")
            .slice(0, line.startsWith("row") ? 3 : 1)
            .join(" ");
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  };
  await Bun.sleep(500);
  const before = await kinds();
  await all(daemon, runs);
  await untilEmpty("nothing is left of their containers", nothing);
  expect(await published(daemon)).toEqual([]);
  expect(await daemon.must("volume", "ls", "-q")).toBe("");
  await untilEmpty("the daemon holds no more than before", async () =>
    Object.entries(await kinds())
      .filter(([what, count]) => count > (before[what] ?? 0))
      .map(([what, count]) => `${what}: ${before[what] ?? 0} before, ${count} now`),
  );
}, 120_000);
