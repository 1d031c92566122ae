import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/process.ts";
import { freePort } from "../harness/registry.ts";

/** The Docker client in Go, where one is installed (ours may be called `docker` as well). */
function goClient(): string | undefined {
  const found = process.env.DOCKER_GO_CLIENT ?? Bun.which("docker") ?? undefined;
  if (found === undefined) return undefined;
  const { stdout } = spawnSync(found, ["version", "--format", "{{.Client.GoVersion}}"], {
    encoding: "utf8",
    env: { ...process.env, DOCKER_HOST: "unix:///nonexistent" },
  });
  return stdout.startsWith("go") ? found : undefined;
}

const client = goClient();
if (client === undefined)
  console.warn("skipped: the Docker client in Go is not installed (DOCKER_GO_CLIENT names one)");

describe.skipIf(client === undefined)("the Go client with our daemon", () => {
  let daemon: TestDaemon;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "go-client-"));
    daemon = await TestDaemon.start();
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  }, 60_000);

  const docker = (args: string, input?: string) =>
    run([client ?? "docker", ...words(args)], {
      env: daemon.env,
      cwd: folder,
      ...(input === undefined ? {} : { input }),
    });
  /** Arguments as a shell would split them; single quotes hold words together. */
  const words = (text: string) =>
    Array.from(text.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? "");
  const told = async (args: string, input?: string) => {
    const { stdout, stderr, code } = await docker(args, input);
    return { out: stdout, err: stderr, code };
  };

  test("pulls, lists, tags and removes images", async () => {
    const pulled = await told("pull busybox");
    expect(pulled.out).toMatch(
      /^Using default tag: latest\nlatest: Pulling from library\/busybox\n[\s\S]*Digest: sha256:\w{64}\nStatus: Downloaded newer image for busybox:latest\ndocker.io\/library\/busybox:latest\n$/,
    );
    expect((await told("pull -q busybox")).out).toBe("docker.io/library/busybox:latest\n");
    expect((await told("pull -a busybox")).code).toBe(0);
    expect((await told("images --format '{{.Repository}}:{{.Tag}}' --filter reference=busybox:l*")).out).toBe(
      "busybox:latest\n",
    );
    await told("tag busybox mine/one:1");
    expect((await told("rmi mine/one:1")).out).toBe("Untagged: mine/one:1\n");
    expect(await told("rmi mine/one:1")).toEqual({
      out: "",
      err: "Error response from daemon: No such image: mine/one:1\n",
      code: 1,
    });
    expect((await told("image inspect busybox -f '{{.Os}} {{json .Config.Cmd}}'")).out).toBe(
      'linux ["sh"]\n',
    );
    expect((await told("history -q busybox")).out.split("\n")[0]).toMatch(/^\w{12}$/);
  }, 60_000);

  test("saves, loads and imports images", async () => {
    await told("pull -q busybox");
    await told("tag busybox saved:1");
    expect((await told("save -o saved.tar saved:1")).code).toBe(0);
    await told("rmi saved:1");
    expect((await told("load -i saved.tar")).out).toBe("Loaded image: saved:1\n");
    await told("run --name tree busybox true");
    expect((await told("export -o tree.tar tree")).code).toBe(0);
    expect((await told('import -c \'CMD ["echo","imported"]\' tree.tar imported:1')).out).toMatch(
      /^sha256:\w{64}\n$/,
    );
    expect((await told("run --rm imported:1")).out).toBe("imported\n");
    await told("rm tree");
    await told("rmi saved:1 imported:1");
  }, 60_000);

  test("runs: input, both outputs, exit codes, and why a start failed", async () => {
    expect(await told("run --rm -i busybox cat", "in\n")).toEqual({ out: "in\n", err: "", code: 0 });
    expect(await told("run --rm busybox sh -c 'echo o; echo e >&2; exit 3'")).toEqual({
      out: "o\n",
      err: "e\n",
      code: 3,
    });
    expect((await told("run --rm busybox nosuch")).code).toBe(127);
    expect((await told("run --rm busybox /etc")).code).toBe(126);
    expect((await told("run --rm --network nosuch busybox true")).code).toBe(125);
    expect((await told("run --rm -t busybox tty")).out).toBe("/dev/pts/0\r\n");
  }, 60_000);

  test("a start that failed is told once", async () => {
    const port = await freePort();
    await told(`run -d --name holder -p 127.0.0.1:${port}:80 busybox sleep 1000`);
    const { err, code } = await told(`run -d --name loser -p 127.0.0.1:${port}:80 busybox sleep 1000`);
    expect(code).toBe(125);
    expect(err).toMatch(
      new RegExp(
        `^docker: Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint loser \\(\\w{64}\\): Bind for 127.0.0.1:${port} failed: port is already allocated\n\nRun 'docker run --help' for more information\n$`,
      ),
    );
    expect((await told(`ps --filter publish=${port} --format '{{.Names}} {{.Ports}}'`)).out).toBe(
      `holder 127.0.0.1:${port}->80/tcp\n`,
    );
    expect((await told("port holder")).out).toBe(`80/tcp -> 127.0.0.1:${port}\n`);
    expect((await told("rm -f holder loser")).out).toBe("holder\nloser\n");
  }, 60_000);

  test("logs show what was written, byte by byte", async () => {
    await told("run --name talker busybox sh -c 'echo one; echo two; printf three'");
    expect((await told("logs talker")).out).toBe("one\ntwo\nthree");
    expect((await told("logs -n 2 talker")).out).toBe("two\nthree");
    expect((await told("logs -t -n 1 talker")).out).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z three$/);
    expect((await told("logs --since 1h -f talker")).out).toBe("one\ntwo\nthree");
    await told("rm talker");
  }, 60_000);

  test("exec: outputs, users, exit codes, and what cannot be started", async () => {
    await told("run -d --name target busybox sleep 1000");
    expect(await told("exec -e A=b -w /etc -u 5 target sh -c 'echo $A $PWD $(id -u); exit 4'")).toEqual({
      out: "b /etc 5\n",
      err: "",
      code: 4,
    });
    expect((await told("exec -i target cat", "in\n")).out).toBe("in\n");
    expect((await told("exec -t target tty")).out).toBe("/dev/pts/0\r\n");
    const missing = await told("exec target nosuch");
    expect(missing.out).toMatch(/^OCI runtime exec failed: .*"nosuch": executable file not found in \$PATH/);
    expect(missing.code).toBe(127);
    expect((await told("exec target /etc")).code).toBe(126);
    expect((await told("exec -u nosuch target true")).out).toContain("unable to find user nosuch");
    expect((await told("top target -o pid,comm")).out).toMatch(/^PID +COMMAND\n\d+ +sleep\n$/);
    await told("rm -f target");
  }, 60_000);

  test("stops what is paused; the whole life of a container", async () => {
    await told("create --name life busybox sh -c 'trap : TERM; sleep 1000 & wait'");
    const state = async () => (await told("inspect life -f '{{.State.Status}}'")).out.trim();
    expect(await state()).toBe("created");
    for (const [command, after] of [
      ["start life", "running"],
      ["pause life", "paused"],
      ["unpause life", "running"],
      ["restart -t 0 life", "running"],
      ["pause life", "paused"],
      ["stop -t 1 life", "exited"],
      ["start life", "running"],
      ["kill life", "exited"],
    ] as const) {
      expect([command, (await told(command)).code]).toEqual([command, 0]);
      expect([command, await state()]).toEqual([command, after]);
    }
    await told("rename life other");
    await told("rename other life");
    expect((await told("wait life")).out).toBe("137\n");
    const seen = await told(
      `events --since 1h --until ${Date.now() / 1000} --filter container=life --format '{{.Action}}'`,
    );
    expect(seen.out.split("\n").slice(0, 4)).toEqual(["create", "start", "pause", "unpause"]);
    expect((await told("container prune -f")).out).toContain("Deleted Containers:");
  }, 60_000);

  test("copies files, and keeps what was changed", async () => {
    await writeFile(join(folder, "local"), "local");
    await told("run -d --name box busybox sleep 1000");
    expect((await told("cp local box:/tmp/renamed")).code).toBe(0);
    expect((await told("exec box cat /tmp/renamed")).out).toBe("local");
    expect((await told("cp box:/tmp .")).code).toBe(0);
    expect(await readFile(join(folder, "tmp/renamed"), "utf8")).toBe("local");
    expect(await told("cp box:/nosuch .")).toMatchObject({
      err: "Error response from daemon: Could not find the file /nosuch in container box\n",
      code: 1,
    });
    expect((await told("diff box")).out).toBe("C /tmp\nA /tmp/renamed\n");
    expect((await told("commit -m why box kept:1")).out).toMatch(/^sha256:\w{64}\n$/);
    expect((await told("run --rm kept:1 cat /tmp/renamed")).out).toBe("local");
    expect((await told("stats --no-stream --format '{{.Name}} {{.PIDs}}' box")).out).toBe("box 1\n");
    expect((await told("update -m 64m --memory-swap 64m box")).out).toBe("box\n");
    await told("rm -f box");
    await told("rmi kept:1");
  }, 60_000);

  test("volumes, networks, and what the system tells", async () => {
    expect((await told("volume create --label a=b data")).out).toBe("data\n");
    await told("run --rm -v data:/d busybox touch /d/file");
    expect((await told("run --rm --mount type=volume,src=data,dst=/d,readonly busybox ls /d")).out).toBe(
      "file\n",
    );
    expect((await told("volume ls -q --filter label=a")).out).toBe("data\n");
    expect((await told("volume rm data")).out).toBe("data\n");
    expect((await told("network ls --format '{{.Name}} {{.Driver}}'")).out).toBe(
      "bridge bridge\nhost host\nnone null\n",
    );
    expect((await told("network rm bridge")).err).toContain("is a pre-defined network and cannot be removed");
    expect((await told("system df --format '{{.Type}}'")).out).toBe(
      "Images\nContainers\nLocal Volumes\nBuild Cache\n",
    );
    expect((await told("system prune -f")).code).toBe(0);
    expect((await told("info --format '{{.OSType}} {{.Driver}}'")).out).toBe("linux overlay2\n");
    expect((await told("version --format '{{.Server.APIVersion}}'")).out).toBe("1.55\n");
    expect((await told("node ls")).err).toContain("This node is not a swarm manager");
  }, 60_000);
});
