import { expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { untilEmpty } from "../harness/process.ts";

const rounds = 15;

/** What a client may hear when another one was faster. */
const expected = /No such (container|object)|is not running|paused|is restarting|marked for removal/;

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

test("clients that change one container at the same time all get an answer, and nothing is left", async () => {
  await using daemon = await TestDaemon.start({ images: ["busybox"] });
  const policies = [["--restart", "always"], ["--rm"], []];
  for (let round = 0; round < rounds; round++) {
    const name = `raced-${round}`;
    const script = round % 2 === 0 ? "sleep 60" : "sleep 0.1";
    await daemon.must(
      "run",
      "-d",
      "--name",
      name,
      ...(policies[round % 3] ?? []),
      "busybox",
      "sh",
      "-c",
      script,
    );
    const commands = [
      ["stop", "-t", "0", name],
      ["kill", name],
      ["restart", "-t", "0", name],
      ["start", name],
      ["rm", "-f", name],
      ["pause", name],
      ["logs", name],
      ["exec", name, "true"],
    ];
    const answers = shuffled(commands)
      .slice(0, 6)
      .map(async (command) => {
        await Bun.sleep(Math.random() * 120);
        const { stderr } = await daemon.docker(...command);
        if (stderr !== "") expect(`${command.join(" ")}: ${stderr}`).toMatch(expected);
      });
    await Promise.all(answers);
    await daemon.must("rm", "-f", name);
  }
  expect(await daemon.must("ps", "-aq")).toBe("");
  await untilEmpty("nothing is left", async () => (await daemon.leftovers()).containers);
}, 60_000);

test("a paused container can be stopped, killed and removed", async () => {
  await using daemon = await TestDaemon.start({ images: ["busybox"] });
  const paused = async (name: string) => {
    await daemon.must("run", "-d", "--name", name, "busybox", "sleep", "60");
    await daemon.must("pause", name);
    expect(await daemon.must("ps", "--format", "{{.Status}}", "--filter", `name=${name}`)).toEndWith(
      "(Paused)",
    );
  };
  for (const command of [["stop", "-t", "0"], ["kill"]]) {
    const name = command[0] ?? "";
    await paused(name);
    await daemon.must(...command, name);
    expect(await daemon.inspect(name, "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 137");
  }
  await paused("removed");
  expect((await daemon.docker("rm", "removed")).stderr).toContain(
    "container is paused and must be unpaused first",
  );
  await daemon.must("rm", "-f", "removed");
});
