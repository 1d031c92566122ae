import { expect, test } from "bun:test";
import { lastRuntimeError, lateExecError, runtimeError } from "./oci-errors.ts";

const crun = { name: "crun", path: "/usr/bin/crun", arguments: [], isCrun: true };
const created =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: ";

test.each([
  [
    "executable file `x` not found in $PATH: No such file or directory",
    'exec: "x": executable file not found in $PATH',
  ],
  [
    "executable file `/a/b` not found in $PATH: No such file or directory",
    'exec: "/a/b": stat /a/b: no such file or directory',
  ],
  ["open executable: Permission denied", 'exec: "prog": permission denied'],
  [
    "chdir `/no`: No such file or directory",
    'chdir to cwd ("") set in config.json failed: no such file or directory',
  ],
  [
    'runc run failed: unable to start container process: exec: "x": executable file not found in $PATH',
    'exec: "x": executable file not found in $PATH',
  ],
])("%s", (message, reason) => {
  const error = runtimeError(crun, "create", message, { args: ["prog"] });
  expect(error.code).toBe("invalidArgument");
  expect(error.message).toBe(
    `${created}runc create failed: unable to start container process: error during container init: ${reason}: unknown`,
  );
});

test("clients can tell that a directory is nothing that may be executed", () => {
  const error = runtimeError(crun, "exec", "open executable: Operation not permitted", { args: ["prog"] });
  expect(error.message).toEndWith('exec: "prog": is a directory: unknown: permission denied');
});

test("a limit that is too low for the runtime is what is blamed", () => {
  const message = "writing file `/sys/fs/cgroup/cpuset/x/cgroup.procs`: No space left on device";
  const limited = (soft: number) => ({
    args: ["prog"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft, hard: 2000 }],
  });
  expect(runtimeError(crun, "create", message, limited(10)).message).toContain("(nofile=10:2000)");
  expect(runtimeError(crun, "create", message, limited(1000)).message).toContain("No space left on device");
});

test("what has nothing to do with the program is the runtime's own text, and no fault of the request", () => {
  const error = runtimeError(crun, "create", "mount `proc` to `proc`: Operation not permitted", {
    args: ["prog"],
  });
  expect(error).toMatchObject({
    code: "internal",
    message: `${created}crun: mount \`proc\` to \`proc\`: Operation not permitted: unknown`,
  });
});

test("a file mounted on a directory is the request's fault, with Docker's hint", () => {
  const error = runtimeError(crun, "create", "mount `/etc/passwd` to `tmp`: Not a directory", {
    args: ["prog"],
  });
  expect(error.code).toBe("invalidArgument");
  expect(error.message).toContain(
    'error mounting "/etc/passwd" to rootfs at "/tmp": not a directory: unknown: Are you trying to mount a directory onto a file',
  );
});

test("the last error of a log counts, warnings do not", () => {
  const line = (level: string, msg: string) => JSON.stringify({ level, msg });
  const log = [line("error", "first"), line("error", "second"), line("warning", "third")].join("\n");
  expect(lastRuntimeError(`${log}\n`)).toBe("second");
  expect(lastRuntimeError("")).toBeUndefined();
});

test("crun's own message about a file that is no program becomes Docker's", () => {
  const message = '{"msg":"exec container process `/x`: Exec format error","level":"error","time":"2026"}\n';
  expect(lateExecError(message)).toBe("exec /x: exec format error\n");
  expect(lateExecError('{"msg":"exec container process"}\n')).toBeUndefined();
  expect(lateExecError("exec container process `/x`: Exec format error\n")).toBeUndefined();
});
