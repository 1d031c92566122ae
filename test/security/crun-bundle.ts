import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerConfig, HostConfig } from "../../src/api/containers.ts";
import { buildSpec, type SpecInput } from "../../src/containers/spec/build.ts";
import { buildExecProcess, type ExecInput } from "../../src/containers/spec/exec-process.ts";
import { readSpecHost, type SpecHost } from "../../src/containers/spec/spec-host.ts";
import { encodeSpec } from "../../src/oci/encode-spec.ts";

const applets = [
  "sh",
  "cat",
  "env",
  "id",
  "ls",
  "pwd",
  "mount",
  "stat",
  "touch",
  "mkdir",
  "hostname",
  "grep",
  "umount",
  "sleep",
  "mknod",
  "unshare",
  "dd",
  "readlink",
];

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A root file system of busybox in a directory of its own, in which commands run under crun by generated bundles. */
export class CrunBox implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "longshore-spec-"));
  readonly rootfs = join(this.directory, "rootfs");
  readonly host: SpecHost = readSpecHost();
  #count = 0;

  constructor() {
    for (const name of ["bin", "etc", "proc", "sys", "dev", "tmp", "home"]) {
      mkdirSync(join(this.rootfs, name), { recursive: true });
    }
    copyFileSync("/bin/busybox", join(this.rootfs, "bin/busybox"));
    for (const name of applets) symlinkSync("busybox", join(this.rootfs, "bin", name));
    writeFileSync(
      join(this.rootfs, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    );
    writeFileSync(join(this.rootfs, "etc/group"), "root:x:0:\naudio:x:29:alice\nalice:x:1000:\n");
  }

  /** The input of `buildSpec` for a shell command. */
  input(
    script: string,
    config: ContainerConfig = {},
    hostConfig: HostConfig = {},
    rest: Partial<SpecInput> = {},
  ): SpecInput {
    const id = `longshore-spec-${process.pid}-${++this.#count}`;
    return {
      id,
      config: { Hostname: "box", Cmd: ["/bin/sh", "-c", script], ...config },
      hostConfig,
      rootfs: this.rootfs,
      mounts: [],
      networkFiles: undefined,
      // The new namespace that crun itself is started in.
      netnsPath: "/proc/self/ns/net",
      cgroupParent: `/longshore-spec-${process.pid}`,
      cgroupDriver: "cgroupfs",
      cdiDirectories: [],
      cgroupnsDefault: "host",
      crun: true,
      ...rest,
    };
  }

  run(script: string, config?: ContainerConfig, hostConfig?: HostConfig, rest?: Partial<SpecInput>): Ran {
    return this.runInput(this.input(script, config, hostConfig, rest));
  }

  /**
   * Runs to the end and removes the bundle. `before`: shell commands in the mount namespace that crun is started in.
   */
  runInput(input: SpecInput, before = "true"): Ran {
    const bundle = this.#writeBundle(input);
    const result = this.#crun(before, `run -b '${bundle}' ${input.id}`);
    rmSync(bundle, { recursive: true });
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  /** The seccomp filter that the runtime makes of the container's specification. */
  runtimeFilter(input: SpecInput): Buffer {
    const bundle = this.#writeBundle(input);
    const created = this.#crun("true", `create -b '${bundle}' ${input.id} >'${bundle}/out' 2>&1`);
    if (created.status !== 0) throw new Error(readFileSync(join(bundle, "out"), "utf8"));
    try {
      return readFileSync(join(this.directory, "state", input.id, "seccomp.bpf"));
    } finally {
      this.#crun("true", `delete -f ${input.id}`);
    }
  }

  /** Runs a process in a container that sleeps. */
  exec(container: SpecInput, exec: Partial<ExecInput> & { args: string[] }): Ran {
    const bundle = this.#writeBundle({
      ...container,
      config: { ...container.config, Cmd: ["/bin/sleep", "60"] },
    });
    const detached = this.#crun(
      "true",
      `run -d -b '${bundle}' ${container.id} >'${bundle}/out' 2>&1 </dev/null`,
    );
    if (detached.status !== 0) throw new Error(readFileSync(join(bundle, "out"), "utf8"));
    try {
      const { config, hostConfig, rootfs } = container;
      const process = buildExecProcess(
        {
          config,
          hostConfig,
          rootfs,
          tty: false,
          env: [],
          user: "",
          workingDir: "",
          privileged: false,
          ...exec,
        },
        this.host,
      );
      writeFileSync(join(bundle, "process.json"), encodeSpec(process));
      const ran = this.#crun("true", `exec -p '${bundle}/process.json' ${container.id}`);
      return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
    } finally {
      this.#crun("true", `delete -f ${container.id}`);
    }
  }

  #writeBundle(input: SpecInput): string {
    const bundle = join(this.directory, input.id);
    mkdirSync(bundle);
    writeFileSync(join(bundle, "config.json"), encodeSpec(buildSpec(input, this.host)));
    return bundle;
  }

  #crun(before: string, command: string) {
    const script = `${hybridFix} ${before} && exec crun --root '${this.directory}/state' ${command}`;
    return spawnSync("unshare", ["-m", "-n", "sh", "-c", script], { encoding: "utf8", timeout: 30_000 });
  }

  [Symbol.dispose](): void {
    removeCgroups(`longshore-spec-${process.pid}`);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** crun refuses a host that has both cgroup versions, unless the second is out of its sight. */
const hybridFix = existsSync("/sys/fs/cgroup/unified") ? "umount /sys/fs/cgroup/unified &&" : "";

function removeCgroups(name: string): void {
  spawnSync("find", [
    "/sys/fs/cgroup",
    "-depth",
    "-type",
    "d",
    "-path",
    `*/${name}*`,
    "-exec",
    "rmdir",
    "{}",
    "+",
  ]);
}
