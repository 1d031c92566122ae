import { readdirSync } from "node:fs";

/**
 * What a bare crun needs on hosts with cgroups v1 and v2 side by side, on which crun 1.8 refuses to work: a mount
 * namespace in which the v2 hierarchy is out of sight. Entering it costs what `nsenter` costs, about a millisecond.
 */
export class RuntimeView implements Disposable {
  readonly #holder: Bun.Subprocess | undefined;

  private constructor(holder: Bun.Subprocess | undefined) {
    this.#holder = holder;
  }

  static async open(): Promise<RuntimeView> {
    const cgroups = readdirSync("/sys/fs/cgroup");
    if (!cgroups.includes("unified")) return new RuntimeView(undefined);
    const holder = Bun.spawn(
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        "umount /sys/fs/cgroup/unified && echo ready && exec sleep infinity",
      ],
      { stdout: "pipe" },
    );
    holder.unref();
    const { value } = await holder.stdout.getReader().read();
    if (!value) throw new Error("the v2 hierarchy cannot be unmounted");
    return new RuntimeView(holder);
  }

  /** The command line that runs `argv` there. */
  command(...argv: string[]): string[] {
    return this.#holder ? ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, ...argv] : argv;
  }

  [Symbol.dispose](): void {
    this.#holder?.kill("SIGKILL");
  }
}
