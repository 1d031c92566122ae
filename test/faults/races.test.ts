import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/process.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});

// Fails when anything is left of all the containers.
afterAll(() => daemon[Symbol.asyncDispose]());

interface Answer {
  status: number;
  message: string;
  id: string;
}

async function ask(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`http://docker${path}`, {
    method,
    unix: daemon.socket,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await response.text();
  const { message = "", Id: id = "" } = text.startsWith("{") ? JSON.parse(text.split("\n")[0] ?? "") : {};
  return { status: response.status, message, id };
}

const times = <T>(count: number, task: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => task(index)));
const statuses = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))].sort();
const create = (name: string, ...Cmd: string[]) =>
  ask("POST", `/containers/create?name=${name}`, { Image: "busybox", Cmd });

test("one name is given once, started once and removed by all who force it", async () => {
  const created = await times(50, () => create("one", "sleep", "100"));
  expect(created.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(statuses(created)).toEqual([201, 409]);
  const started = await times(50, () => ask("POST", "/containers/one/start"));
  expect(started.filter(({ status }) => status === 204)).toHaveLength(1);
  expect(statuses(started)).toEqual([204, 304]);
  const removed = await times(50, () => ask("DELETE", "/containers/one?force=1"));
  expect(statuses(removed).every((status) => status === 204 || status === 404)).toBe(true);
  // Those that lost the race for the name have left nothing either.
  await until("nothing is left", async () => (await daemon.leftovers()).containers.length === 0);
});

test("a forced removal wins against a start", async () => {
  await times(8, async (index) => {
    const name = `start-${index}`;
    await create(name, "sleep", "100");
    const [started, removed] = await Promise.all([
      ask("POST", `/containers/${name}/start`),
      ask("DELETE", `/containers/${name}?force=1`),
    ]);
    expect([204, 404]).toContain(started.status);
    expect(removed).toMatchObject({ status: 204 });
    expect((await ask("GET", `/containers/${name}/json`)).status).toBe(404);
  });
});

test("stop, restart and removal do not fail over an end that comes by itself", async () => {
  const actions = ["POST /stop", "POST /restart?t=1", "DELETE ?force=1"];
  await times(12, async (index) => {
    const name = `end-${index}`;
    await create(name, "sleep", "0.05");
    await ask("POST", `/containers/${name}/start`);
    await Bun.sleep(20 + 5 * index);
    const [method = "", rest = ""] = (actions[index % 3] ?? "").split(" ");
    const { status, message } = await ask(method, `/containers/${name}${rest}`);
    expect({ message, fine: status === 204 || status === 304 }).toEqual({ message: "", fine: true });
    await ask("DELETE", `/containers/${name}?force=1`);
  });
});

test("an exec in a container that ends runs, or hears that it does not", async () => {
  await times(8, async (index) => {
    const name = `exec-${index}`;
    await create(name, "sleep", "0.1");
    await ask("POST", `/containers/${name}/start`);
    await Bun.sleep(10 * index);
    const made = await ask("POST", `/containers/${name}/exec`, { Cmd: ["true"], AttachStdout: true });
    const started = made.status === 201 ? await ask("POST", `/exec/${made.id}/start`, {}) : made;
    if (started.status !== 200) expect(started.message).toMatch(/^container [0-9a-f]{64} is not running$/);
    await ask("DELETE", `/containers/${name}?force=1`);
  });
});

test("whatever comes at once, the daemon goes on and nothing is left", async () => {
  const actions = [
    () => create("mix", "sleep", "0.02"),
    () => ask("POST", "/containers/mix/start"),
    () => ask("POST", "/containers/mix/stop?t=1"),
    () => ask("POST", "/containers/mix/kill"),
    () => ask("POST", "/containers/mix/restart?t=1"),
    () => ask("DELETE", "/containers/mix"),
    () => ask("DELETE", "/containers/mix?force=1"),
    () => ask("GET", "/containers/mix/json"),
  ];
  // A fixed order for each client; which one comes first is up to the machine.
  const answers = await times(16, async (client) => {
    const own: Answer[] = [];
    for (let step = 0; step < 10; step++)
      own.push(await (actions[(client * 5 + step * 3) % 8]?.() ?? create("mix", "true")));
    return own;
  });
  expect(answers.flat().filter(({ status }) => status >= 500)).toEqual([]);
  await ask("DELETE", "/containers/mix?force=1");
  await until("nothing is left", async () => (await daemon.leftovers()).containers.length === 0);
});

test("an image goes, comes and gets names while containers of it run", async () => {
  const commands = [
    ["run", "--rm", "busybox", "true"],
    ["rmi", "-f", "busybox"],
    ["pull", "-q", "busybox"],
    ["tag", "busybox", "other"],
  ];
  const done = await times(12, (index) => daemon.docker(...(commands[index % commands.length] ?? [])));
  for (const { stderr, code } of done) {
    if (code !== 0) expect(stderr).toMatch(/No such image: busybox|unable to (remove|delete)|is using/);
  }
  await daemon.must("pull", "-q", "busybox");
  expect(await daemon.must("run", "--rm", "busybox", "echo", "hello")).toBe("hello");
});
