import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../harness/process.ts";

const root = join(import.meta.dir, "../..");
const script = ["node", join(root, "scripts/bench.mjs")];
// The benchmark's folder is made in here, so that what others leave is not taken for its own.
const folder = mkdtempSync(join(tmpdir(), "bench-test-"));
const env = { TMPDIR: folder, LONGSHORE_DIST: process.env.LONGSHORE_DIST ?? join(root, "dist") };

afterAll(() => rmSync(folder, { recursive: true }));

const own = (name: string) => name.startsWith("longshore-bench-");

function left(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder));
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .filter((pid) => commandOf(pid).includes(`${folder}/longshore-bench-`));
  return [...readdirSync(folder).filter(own), ...mounts, ...processes];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

test("measures what is asked for, writes the samples, and leaves nothing", async () => {
  const json = join(folder, "result.json");
  const args = ["--peers", "none", "--rounds", "2", "--json", json, "run-none", "ps-0"];
  const { code, stdout, stderr } = await run([...script, "bench/main.ts", ...args], { env });
  expect({ code, stderr: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("journalled ext4");
  const { results } = JSON.parse(readFileSync(json, "utf8"));
  expect(results.map(({ name }: { name: string }) => name)).toEqual(["run-none", "ps-0"]);
  expect(results[0].measured.longshore.samples).toHaveLength(2);
  expect(results[0].measured.floor.median).toBeGreaterThan(0);
  expect(results[0].ratios.floor).toBeGreaterThan(0);
  expect(results[0].failures).toEqual({});
  expect(left()).toEqual([]);
});

test("a signal in the middle ends all of it", async () => {
  const args = ["--peers", "none", "--rounds", "1000", "--json", join(folder, "cut.json"), "run-none"];
  const child = Bun.spawn([...script, "bench/main.ts", ...args], {
    env: { ...process.env, ...env },
    stdout: "ignore",
    stderr: "ignore",
  });
  await until(
    "its daemon runs",
    () => left().some((name) => /^\d+$/.test(name) && commandOf(name).includes("dockerd")),
    60,
  );
  child.kill("SIGINT");
  expect(await child.exited).not.toBe(0);
  expect(left()).toEqual([]);
});

test("the profile accounts for every millisecond between the client's start and its end", async () => {
  const { code, stdout, stderr } = await run([...script, "bench/profile.ts", "--rounds", "2", "run"], {
    env,
  });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const millis = (row: RegExp) => Number(row.exec(stdout)?.[1]);
  expect(millis(/^client starts +([\d.]+)/m)).toBeGreaterThan(0);
  expect(millis(/^runtime: bundle, crun +([\d.]+)/m)).toBeGreaterThan(0);
  expect(millis(/^rootfs: overlay +([\d.]+)/m)).toBeGreaterThan(0);
  expect(stdout).toMatch(/^in all +[\d.]+ .*≤ 25$/m);
  expect(left()).toEqual([]);
});

test("what makes no sense is refused before anything is set up", async () => {
  const bad = (...args: string[]) => run([...script, "bench/main.ts", "--peers", "none", ...args], { env });
  expect((await bad("--rounds", "none")).stderr).toContain("--rounds takes a number");
  expect((await bad("--nonsense")).code).toBe(2);
  expect((await bad("--peers", "lxc")).stderr).toContain("no such peer: lxc");
  const { stdout, code } = await bad("--list");
  expect({ code, listed: stdout.includes("run-bridge") }).toEqual({ code: 0, listed: true });
});
