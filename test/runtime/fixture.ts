import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../src/base/ids.ts";
import { silentLogger } from "../../src/base/log.ts";
import { detectCgroups } from "../../src/linux/cgroup.ts";
import { ContainerCgroup } from "../../src/runtime/container-cgroup.ts";
import { findRuntimes } from "../../src/runtime/oci-runtime.ts";
import { SupervisorClient } from "../../src/runtime/supervisor/client.ts";
import type { Exit, RuntimeBinary, StartRequest } from "../../src/runtime/supervisor/protocol.ts";

const applets =
  "sh cat sleep echo true false printf yes head kill tty stty dd id ls seq trap tr wc mkdir touch chmod tail nc".split(
    " ",
  );
/** The executable of that name, where one is to be tested; otherwise the source. */
const supervisorCommand = process.env.LONGSHORE_TEST_SUPERVISOR
  ? [process.env.LONGSHORE_TEST_SUPERVISOR]
  : [process.execPath, join(import.meta.dir, "../../src/main/supervisor.ts")];

export interface BundleOptions {
  args: string[];
  tty?: boolean;
  env?: string[];
  memory?: number;
  /** Share the host's pid namespace. */
  hostPids?: boolean;
}

/** A supervisor of its own in a temporary folder, and containers for it; everything is gone when it is disposed. */
export class RuntimeFixture implements AsyncDisposable {
  readonly root: string;
  readonly execRoot: string;
  readonly runtime: RuntimeBinary;
  readonly cgroupParent: string;
  client!: SupervisorClient;
  #ids: string[] = [];

  private constructor(parent: string) {
    this.root = mkdtempSync(join(parent, "longshore-runtime-"));
    this.execRoot = join(this.root, "exec");
    this.cgroupParent = `/longshore-test-${newId().slice(0, 12)}`;
    const { defaultRuntime, runtimes } = findRuntimes();
    const runtime = runtimes.get(process.env.LONGSHORE_TEST_RUNTIME ?? defaultRuntime);
    if (!runtime) throw new Error("no OCI runtime");
    this.runtime = runtime;
    const bin = join(this.root, "rootfs/bin");
    mkdirSync(bin, { recursive: true });
    for (const folder of ["proc", "dev", "sys", "tmp", "etc"]) mkdirSync(join(this.root, "rootfs", folder));
    cpSync("/bin/busybox", join(bin, "busybox"));
    for (const applet of applets) symlinkSync("busybox", join(bin, applet));
  }

  static async create(parent = "/tmp"): Promise<RuntimeFixture> {
    const fixture = new RuntimeFixture(parent);
    fixture.client = await fixture.connect();
    return fixture;
  }

  /** Another client; `command` stands before the command that starts a supervisor. */
  connect({ command = [] }: { command?: string[] } = {}): Promise<SupervisorClient> {
    return SupervisorClient.connect({
      execRoot: this.execRoot,
      command: [...command, ...supervisorCommand],
      log: silentLogger,
    });
  }

  get rootfs(): string {
    return join(this.root, "rootfs");
  }

  /** Makes a bundle and the request that starts it. */
  container(options: BundleOptions & Partial<Omit<StartRequest, "tty">>): StartRequest {
    const { args, env, memory, hostPids, ...rest } = options;
    const id = newId();
    this.#ids.push(id);
    const bundle = join(this.execRoot, "containers", id, "bundle");
    mkdirSync(bundle, { recursive: true });
    mkdirSync(join(this.root, "logs"), { recursive: true });
    const tty = options.tty ?? false;
    const config = this.#config(id, { args, env: env ?? [], tty, memory, hostPids: hostPids ?? false });
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    return {
      id,
      bundle,
      runtime: this.runtime,
      openStdin: false,
      stdinOnce: false,
      log: { driver: "json-file", path: this.logPath(id), options: {} },
      ...rest,
      tty,
    };
  }

  logPath(id: string): string {
    return join(this.root, "logs", `${id}-json.log`);
  }

  /** What was logged, as one text. */
  logged(id: string): string {
    const lines = readFileSync(this.logPath(id), "utf8").trimEnd().split("\n");
    return lines.map((line) => (line === "" ? "" : (JSON.parse(line) as { log: string }).log)).join("");
  }

  #config(
    id: string,
    options: { args: string[]; env: string[]; tty: boolean; memory: number | undefined; hostPids: boolean },
  ) {
    const namespaces = [{ type: "mount" }, { type: "ipc" }, { type: "uts" }, { type: "network" }];
    const capabilities = ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"];
    return {
      ociVersion: "1.0.2",
      process: {
        terminal: options.tty,
        user: { uid: 0, gid: 0 },
        args: options.args,
        env: ["PATH=/bin", "TERM=xterm", ...options.env],
        cwd: "/",
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      },
      root: { path: this.rootfs },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        {
          destination: "/dev/pts",
          type: "devpts",
          source: "devpts",
          options: ["newinstance", "ptmxmode=0666"],
        },
        { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
      ],
      linux: {
        cgroupsPath: `${this.cgroupParent}/${id}`,
        namespaces: options.hostPids ? namespaces : [...namespaces, { type: "pid" }],
        resources:
          options.memory === undefined ? {} : { memory: { limit: options.memory, swap: options.memory } },
      },
    };
  }

  /** The next exit of a container, or of an exec. */
  exit(id: string, execId?: string): Promise<Exit> {
    return new Promise((resolve) => {
      const listening = this.client.exits.on((exit) => {
        if (exit.id !== id || exit.execId !== execId) return;
        listening[Symbol.dispose]();
        resolve(exit);
      });
    });
  }

  /** Starts a container and waits for its end. */
  async runToEnd(request: StartRequest): Promise<Exit> {
    const exited = this.exit(request.id);
    await this.client.start(request);
    return await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const status of await this.client.list()) {
      if (status.execId !== undefined) continue;
      if (!status.exit) {
        const exited = this.exit(status.id);
        await this.client.kill({ id: status.id }, 9, { all: true });
        await exited;
      }
      await this.client.delete(status.id);
    }
    await this.client.shutdown();
    await new ContainerCgroup(detectCgroups(), this.cgroupParent).remove();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Everything that a stream gives until it ends. */
export async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Takes stdcopy frames apart. */
export function demultiplex(bytes: Buffer): { stdout: string; stderr: string } {
  const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    out[bytes[at] === 1 ? "stdout" : "stderr"].push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { stdout: Buffer.concat(out.stdout).toString(), stderr: Buffer.concat(out.stderr).toString() };
}
