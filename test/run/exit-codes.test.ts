import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestDaemon } from "../harness/daemon.ts";
import { clients } from "../harness/process.ts";

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(() => daemon[Symbol.asyncDispose]());

describe.each(clients)("%s", (_name, program) => {
  beforeAll(() => {
    daemon.client = program;
  });

  test("docker run ends with the code of the container's program", async () => {
    expect(await daemon.docker("run", "--rm", "busybox", "true")).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect((await daemon.docker("run", "--rm", "busybox", "sh", "-c", "exit 42")).code).toBe(42);
  });

  test("a program that is not there is 127, one that cannot be executed 126", async () => {
    const cases: [command: string, code: number, message: string][] = [
      ["nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'],
      ["/nosuch", 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
      ["/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'],
      ["/etc", 126, 'exec: "/etc": is a directory'],
    ];
    for (const [command, code, message] of cases) {
      const finished = await daemon.docker("run", "--rm", "busybox", command);
      expect({ command, code: finished.code }).toEqual({ command, code });
      expect(finished.stderr).toContain("docker: Error response from daemon: ");
      expect(finished.stderr).toContain("OCI runtime create failed");
      expect(finished.stderr).toContain(message);
    }
    expect(await daemon.must("ps", "-aq")).toBe("");
  });

  test("what the daemon or the client refuses is 125, and leaves no container", async () => {
    const refusals: [args: string[], message: string][] = [
      [["--nosuch", "busybox"], "unknown flag: --nosuch"],
      [["-u", "nobody-here", "busybox", "true"], "unable to find user nobody-here"],
      [
        ["--mount", "type=bind,src=/nonexistent,dst=/x", "busybox"],
        "bind source path does not exist: /nonexistent",
      ],
      [["--network", "nosuch", "busybox"], "network nosuch not found"],
      [["--runtime", "nosuch", "busybox"], "unknown or invalid runtime name: nosuch"],
      [["-m", "1m", "busybox"], "Minimum memory limit allowed is 6MB"],
      [["127.0.0.1:1/nosuch", "true"], "connection refused"],
    ];
    for (const [args, message] of refusals) {
      const { code, stderr } = await daemon.docker("run", "--rm", ...args);
      expect(stderr).toContain(message);
      expect({ args, code }).toEqual({ args, code: 125 });
    }
    expect(await daemon.must("ps", "-aq")).toBe("");
  });

  test("a container that could not be started stays, with the code and the reason", async () => {
    expect((await daemon.docker("run", "--name", "broken", "busybox", "nosuch")).code).toBe(127);
    expect(await daemon.inspect("broken", "{{.State.Status}} {{.State.ExitCode}}")).toBe("created 127");
    expect(await daemon.inspect("broken", "{{.State.Error}}")).toContain("executable file not found");
    expect((await daemon.docker("start", "broken")).code).toBe(1);
    expect(await daemon.must("rm", "broken")).toBe("broken");
  });
});
