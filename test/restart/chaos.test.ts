import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { cgroupsNamed, mountsBelow } from "../harness/leftovers.ts";
import { type Finished, until, untilEmpty } from "../harness/process.ts";

/** `LONGSHORE_CHAOS_ROUNDS=100` is the whole test; `LONGSHORE_CHAOS_SEED` repeats the moments of an earlier run. */
const rounds = Number(process.env.LONGSHORE_CHAOS_ROUNDS ?? 9);
const seed = Number(process.env.LONGSHORE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Whom a round kills. */
const kills = [["dockerd"], ["supervisor"], ["dockerd", "supervisor"]];
const longestMillis = 260;
const lost = 255;

/** Numbers from 0 to 1 that follow from the seed. (https://en.wikipedia.org/wiki/Linear_congruential_generator) */
function numbersFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
const random = numbersFrom(seed);

let daemon: TestDaemon;
beforeAll(async () => {
  console.log(`chaos: ${rounds} rounds, LONGSHORE_CHAOS_SEED=${seed}`);
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

interface Told {
  Id: string;
  Name: string;
  State: { Status: string; Running: boolean; Pid: number; ExitCode: number; StartedAt: string };
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

const counts = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done";

/** Containers that nothing may stop; all but the terminal's, whose two holders die at once in some rounds. */
async function startSteady(): Promise<Map<string, string>> {
  const run = (name: string, ...args: string[]) => daemon.must("run", "-d", "--name", name, ...args);
  await run("counts", "busybox", "sh", "-c", counts);
  await run("waits", "-i", "busybox", "sh", "-c", "read line; echo $line; exit 9");
  await run("always", "--restart", "always", "busybox", "sleep", "6000");
  await run("checked", "--health-cmd", "true", "--health-interval", "200ms", "busybox", "sleep", "6000");
  await run("published", "-p", "127.0.0.1::80", "-v", "/kept", "busybox", "sleep", "6000");
  return lives(["counts", "waits", "always", "checked", "published"]);
}

/** The process and the beginning of each life. */
async function lives(names: readonly string[]): Promise<Map<string, string>> {
  const facts = names.map((name) => daemon.inspect(name, "{{.State.Pid}} {{.State.StartedAt}} {{.Id}}"));
  return new Map((await Promise.all(facts)).map((fact, at) => [names[at] ?? "", fact]));
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
    run("exec", "counts", "true"),
    run("restart", "-t", "0", `on-${round - 1}`),
    run("pause", `on-${round - 2}`),
    life(),
  ]);
}

/** Containers that run before the kill, and end with codes of their own at about its time. */
async function startDying(round: number): Promise<Map<string, number>> {
  const codes = new Map([0, 1, 2].map((at) => [`ends-${round}-${at}`, 10 + at]));
  const starts = [...codes].map(([name, code], at) =>
    daemon.must("run", "-d", "--name", name, "busybox", "sh", "-c", `sleep 0.${3 + at * 2}; exit ${code}`),
  );
  await Promise.all(starts);
  return codes;
}

async function kill(victims: readonly string[]): Promise<void> {
  const supervisor = daemon.supervisorPid;
  const both = victims.length > 1;
  if (victims.includes("supervisor")) process.kill(supervisor, both ? "SIGSTOP" : "SIGKILL");
  if (victims.includes("dockerd")) await daemon.end("SIGKILL");
  if (both) process.kill(supervisor, "SIGKILL");
}

/** The codes are right; those that nobody was there to see (both were dead) may be lost. */
async function checkEnds(when: string, codes: ReadonlyMap<string, number>, maybeLost: boolean) {
  for (const [name, code] of codes) {
    await until(`${when}, ${name} has ended`, async () => {
      return (await daemon.inspect(name, "{{.State.Status}}")) === "exited";
    });
    const told = Number(await daemon.inspect(name, "{{.State.ExitCode}}"));
    expect([when, name, maybeLost && told === lost ? code : told]).toEqual([when, name, code]);
  }
  await daemon.must("rm", ...codes.keys());
}

async function checkWork(when: string, round: number, supervisorDied: boolean): Promise<void> {
  const all = await containers();
  const kept = all.find(({ Name, State }) => Name === `/kept-${round}` && State.Status === "exited");
  if (kept && !supervisorDied) {
    expect([when, kept.State.ExitCode, await daemon.must("logs", kept.Id)]).toEqual([when, 3, "said"]);
  }
  // Of what ends within milliseconds of the supervisor's death, before dockerd holds its pipes, nobody may know.
  if (kept) expect([when, [3, lost].includes(kept.State.ExitCode)]).toEqual([when, true]);
  const on = all.find((one) => one.Name === `/on-${round}` && one.State.Status === "running");
  if (on) expect(await daemon.must("exec", on.Id, "echo", "well")).toBe("well");
  expect((await daemon.docker("run", "--rm", "busybox", "true")).code).toBe(0);
}

async function oneRound(round: number, steady: ReadonlyMap<string, string>): Promise<void> {
  const moment = random() * longestMillis;
  const victims = kills[round % kills.length] ?? [];
  const when = `round ${round}, a kill of ${victims.join(" and ")} after ${Math.round(moment)} ms`;
  const codes = await startDying(round);
  const working = work(round);
  await Bun.sleep(moment);
  await kill(victims);
  await working;
  if (victims.includes("dockerd")) await daemon.launch();
  await untilEmpty(`rows and kernel agree in ${when}`, lies, 20);
  expect([when, await lives([...steady.keys()])]).toEqual([when, new Map(steady)]);
  await checkEnds(when, codes, victims.length > 1);
  await checkWork(when, round, victims.includes("supervisor"));
  await daemon.docker("rm", "-f", `on-${round - 2}`);
}

test(
  "kill -9 at any moment under load stops no container, loses no code, leaves no orphan and no lie",
  async () => {
    const steady = await startSteady();
    for (let round = 0; round < rounds; round++) await oneRound(round, steady);
    const numbers = (await daemon.must("logs", "counts")).split("\n").map(Number);
    expect(numbers).toEqual(numbers.map((_, at) => at));
    const attached = await daemon.feed("still here\n", "attach", "waits");
    expect([attached.stdout, attached.code]).toEqual(["still here\n", 9]);
    await until(
      "it is well",
      async () => (await daemon.inspect("checked", "{{.State.Health.Status}}")) === "healthy",
    );
    const ids = (await containers()).map(({ Id }) => Id);
    await daemon.must("rm", "-f", "-v", ...ids);
    await untilEmpty("nothing of them is left", async () => (await daemon.leftovers()).containers);
  },
  20_000 + rounds * 15_000,
);
