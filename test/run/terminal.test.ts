import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients, run, until } from "../harness/process.ts";
import { TestTerminal } from "../harness/terminal.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());
afterEach(async () => {
  await daemon.docker("rm", "-f", "tty");
});

const prompt = "/ # ";
const detach = "\x10\x11";

function terminal(...args: string[]): TestTerminal {
  return new TestTerminal([daemon.client, ...args], { env: daemon.env });
}

const state = () => daemon.inspect("tty", "{{.State.Status}} {{.State.ExitCode}}");

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("run -it: prompt, line editing, Ctrl-C, the code of exit", async () => {
    await using shell = terminal("run", "-it", "--rm", "--name", "tty", "busybox", "sh");
    await shell.shows(prompt);
    await shell.say("echo $((20 + 3))", "\r\n23\r\n");
    await shell.say("echo abX\x7fc", "\r\nabc\r\n");
    await shell.say("history-is-not-lost\x15echo cleared", "\r\ncleared\r\n");
    shell.clear();
    shell.type("\x1b[A\r");
    await shell.shows("\r\ncleared\r\n");
    await shell.say("sleep 60", "sleep 60\r\n");
    await Bun.sleep(200);
    shell.clear();
    shell.type("\x03");
    await shell.shows(/\^C\r\n\/ # /);
    shell.type("exit 3\r");
    expect(await shell.exited).toBe(3);
  });

  test("the container's terminal has the size of the client's, and follows it", async () => {
    await using shell = terminal("run", "-it", "--rm", "--name", "tty", "busybox", "sh");
    await shell.shows(prompt);
    await shell.say("stty size", "\r\n24 80\r\n");
    shell.resize(101, 37);
    await until("the size has followed", async () => {
      await shell.say("stty size", /\r\n\d+ \d+\r\n/);
      return shell.screen.includes("37 101");
    });
    shell.type("exit\r");
    expect(await shell.exited).toBe(0);
  });

  test("the first thing that a program asks is answered with the right size", async () => {
    await using shell = terminal("run", "-it", "--rm", "--name", "tty", "busybox", "stty", "size");
    await shell.shows("24 80\r\n");
    expect(await shell.exited).toBe(0);
  });

  test("detach keys leave the container running, and attach comes back to it", async () => {
    await using first = terminal("run", "-it", "--name", "tty", "busybox", "sh");
    await first.shows(prompt);
    await first.say("kept=here", prompt);
    first.type(detach);
    expect(await first.exited).toBe(0);
    expect(await state()).toBe("running 0");
    await using second = terminal("attach", "tty");
    await second.say("echo $kept", "\r\nhere\r\n");
    second.type("exit 9\r");
    expect(await second.exited).toBe(9);
    expect(await state()).toBe("exited 9");
  });

  test("--detach-keys takes others, and the default ones go to the container", async () => {
    await using shell = terminal(
      "run",
      "-it",
      "--name",
      "tty",
      "--detach-keys",
      "ctrl-a,q",
      "busybox",
      "cat",
    );
    await until("it runs", async () => (await daemon.docker("inspect", "tty")).stdout.includes('"running"'));
    shell.type("a\x01b\r");
    await shell.shows("a\x01b".replace("\x01", "^A"));
    shell.type("\x01q");
    expect(await shell.exited).toBe(0);
    expect(await state()).toBe("running 0");
  });

  test("start -ai brings a shell back, with its files", async () => {
    await using first = terminal("run", "-it", "--name", "tty", "busybox", "sh");
    await first.shows(prompt);
    await first.say("echo kept > /file; exit", "exit");
    expect(await first.exited).toBe(0);
    await using second = terminal("start", "-ai", "tty");
    await second.say("cat /file", "\r\nkept\r\n");
    second.type("\x04");
    expect(await second.exited).toBe(0);
  });

  test("two clients see one terminal", async () => {
    await using first = terminal("run", "-it", "--name", "tty", "busybox", "sh");
    await first.shows(prompt);
    await using second = terminal("attach", "tty");
    await until("both are there", async () => {
      second.type("\r");
      await Bun.sleep(50);
      return second.screen.includes(prompt);
    });
    await second.say("echo from $((1 + 1))", "\r\nfrom 2\r\n");
    await first.shows("\r\nfrom 2\r\n");
    first.type("exit 4\r");
    expect(await first.exited).toBe(4);
    expect(await second.exited).toBe(4);
  });

  test("-it without a terminal is refused before anything is made", async () => {
    const { code, stderr } = await daemon.feed("", "run", "-it", "--name", "tty", "busybox", "true");
    expect(stderr).toContain("the input device is not a TTY");
    expect(code).toBe(1);
    expect(await daemon.must("ps", "-aq")).toBe("");
  });
});

test.skipIf(!Bun.which("tmux"))("tmux: what a person sees of run -it", async () => {
  const socket = `${daemon.root}/tmux`;
  const tmux = (...args: string[]) => run(["tmux", "-S", socket, ...args], { env: daemon.env });
  const pane = async () => (await tmux("capture-pane", "-p", "-t", "main")).stdout;
  const shows = (what: string) =>
    until(`the pane shows ${what}`, async () => (await pane()).includes(what), 10);
  const command = `${clients[0]?.[1]} run -it --rm --name tty busybox sh; echo code $?`;
  await tmux("-f", "/dev/null", "new-session", "-d", "-s", "main", "-x", "90", "-y", "20", "sh");
  try {
    await tmux("send-keys", "-t", "main", command, "Enter");
    await shows(prompt.trim());
    await tmux("send-keys", "-t", "main", "stty size", "Enter");
    await shows("20 90");
    await tmux("resize-window", "-t", "main", "-x", "70", "-y", "15");
    await until("the size has followed", async () => {
      await tmux("send-keys", "-t", "main", "stty size", "Enter");
      await Bun.sleep(50);
      return (await pane()).includes("15 70");
    });
    await tmux("send-keys", "-t", "main", "sleep 60", "Enter");
    await shows("sleep 60");
    await tmux("send-keys", "-t", "main", "C-c");
    await shows("^C");
    await tmux("send-keys", "-t", "main", "exit 3", "Enter");
    await shows("code 3");
  } finally {
    await tmux("kill-server");
  }
});
