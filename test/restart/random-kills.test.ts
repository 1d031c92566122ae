import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { cgroupsNamed, mountsBelow } from "../harness/leftovers.ts";
import { type Finished, untilEmpty } from "../harness/process.ts";

const rounds = 18;
/** Whom a round kills. */
const kills = [["dockerd"], ["supervisor"], ["dockerd", "supervisor"]];
const longestMillis = 220;

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

interface Told {
  Id: string;
  Name: string;
  State: { Status: string; Running: boolean; Pid: number; ExitCode: number };
}

/** Every container, as the daemon tells of it. */
async function containers(): Promise<Told[]> {
  const ids = (await daemon.must("ps", "-aq", "--no-trunc")).split("\n").filter(Boolean);
  if (ids.length === 0) return [];
  // One that removes itself may go between the two questions.
  return JSON.parse((await daemon.docker("inspect", ...ids)).stdout);
}

const list = (...path: string[]) => (existsSync(join(...path)) ? readdirSync(join(...path)) : []);

/** What the daemon says and what there is, where they differ. */
async function lies(): Promise<string[]> {
  const all = await containers();
  const known = new Set(all.map(({ Id }) => Id));
  const running = new Set(all.filter(({ State }) => State.Running).map(({ Id }) => Id));
  const { execRoot, dataRoot } = daemon;
  const groups = cgroupsNamed(daemon.cgroupParent).map((path) => basename(path));
  const mounts = mountsBelow(join(execRoot, "containers")).map((path) => path.split("/").at(-2) ?? "");
  const dead = all.filter(({ State }) => State.Running && !existsSync(`/proc/${State.Pid}`));
  const strangers = (what: string, found: string[], owners: Set<string>) =>
    found.filter((id) => /^[0-9a-f]{64}$/.test(id) && !owners.has(id)).map((id) => `${what} ${id}`);
  return [
    ...dead.map(({ Id }) => `no process of ${Id}`),
    ...strangers("cgroup", groups, running),
    ...strangers("mount", mounts, running),
    ...strangers("exec root", list(execRoot, "containers"), running),
    ...strangers("data root", list(dataRoot, "containers"), known),
    ...[...known]
      .filter((id) => !existsSync(join(dataRoot, "containers", id)))
      .map((id) => `no folder of ${id}`),
  ];
}

/** Several lives at once; what their clients say does not matter. */
function work(round: number): Promise<Finished[]> {
  const { docker } = daemon;
  const run = docker.bind(daemon);
  const name = (what: string) => `${what}-${round}`;
  const life = async () => {
    await run("create", "--name", name("life"), "busybox", "sh", "-c", "exit 4");
    await run("start", "-a", name("life"));
    return run("rm", "-f", name("life"));
  };
  return Promise.all([
    run("run", "--rm", "busybox", "true"),
    run("run", "--rm", "-p", "127.0.0.1::80", "busybox", "true"),
    run("run", "--name", name("kept"), "-v", "/v", "busybox", "sh", "-c", "echo said; exit 3"),
    run("run", "-d", "--name", name("on"), "busybox", "sleep", "60"),
    life(),
  ]);
}

test("kill -9 at any moment of create, start, exit and rm leaves no orphan and no lie", async () => {
  for (let round = 0; round < rounds; round++) {
    const moment = Math.random() * longestMillis;
    const victims = kills[round % kills.length] ?? [];
    const working = work(round);
    await Bun.sleep(moment);
    const supervisor = daemon.supervisorPid;
    if (victims.includes("dockerd")) await daemon.end("SIGKILL");
    if (victims.includes("supervisor")) process.kill(supervisor, "SIGKILL");
    await working;
    if (victims.includes("dockerd")) await daemon.launch();
    const when = `rows and kernel agree, after a kill of ${victims.join(" and ")} after ${moment} ms`;
    await untilEmpty(when, lies, 10);
    const all = await containers();
    const kept = all.find(({ Name, State }) => Name === `/kept-${round}` && State.Status === "exited");
    if (kept && !victims.includes("supervisor")) {
      expect([when, kept.State.ExitCode, await daemon.must("logs", kept.Id)]).toEqual([when, 3, "said"]);
    }
    // Of what ends within milliseconds of the supervisor's death, before dockerd holds its pipes, nobody may know.
    if (kept) expect([3, 255]).toContain(kept.State.ExitCode);
    const on = all.find((one) => one.Name === `/on-${round}` && one.State.Running);
    if (on) expect(await daemon.must("exec", on.Id, "echo", "well")).toBe("well");
    expect((await daemon.docker("run", "--rm", "busybox", "true")).code).toBe(0);
  }
  const ids = (await containers()).map(({ Id }) => Id);
  if (ids.length > 0) await daemon.must("rm", "-f", "-v", ...ids);
  await untilEmpty("nothing of them is left", async () => (await daemon.leftovers()).containers);
}, 120_000);
