import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { mustRun, run, until } from "../harness/process.ts";

const firewalld = Bun.which("firewalld") ?? "";

/** Firewalld and a message bus are installed (`apt-get install firewalld dbus-daemon`). */
export const hasFirewalld = firewalld !== "" && Bun.which("dbus-daemon") !== null;

const busConfig = (socket: string) => `<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow eavesdrop="true"/> <allow send_destination="*" eavesdrop="true"/>
  </policy>
</busconfig>
`;

/** A firewalld of the test's own, with a message bus of its own, for the network namespace that the test is in. */
export class RealFirewalld implements AsyncDisposable {
  readonly #config: string;
  readonly #bus: Bun.Subprocess;
  #daemon: Bun.Subprocess | undefined;

  private constructor(config: string, bus: Bun.Subprocess) {
    this.#config = config;
    this.#bus = bus;
  }

  /** The bus is the system's one for this process, from now on. */
  static async start(directory: string): Promise<RealFirewalld> {
    const socket = join(directory, "bus");
    const config = join(directory, "firewalld");
    mkdirSync(config, { recursive: true });
    const file = join(directory, "bus.conf");
    writeFileSync(file, busConfig(socket));
    // Beside the executable, so that one that is not installed can be tested, too.
    const root = join(dirname(firewalld), "../..");
    const packaged = join(root, "etc/firewalld/firewalld.conf");
    if (existsSync(packaged)) cpSync(packaged, join(config, "firewalld.conf"));
    process.env.DBUS_SYSTEM_BUS_ADDRESS = `unix:path=${socket}`;
    const bus = Bun.spawn(["dbus-daemon", "--nofork", `--config-file=${file}`], { stderr: "ignore" });
    await until("the bus is there", () => existsSync(socket));
    const started = new RealFirewalld(config, bus);
    await started.up();
    return started;
  }

  async up(): Promise<void> {
    const paths = [
      "--system-config",
      this.#config,
      "--default-config",
      join(dirname(firewalld), "../lib/firewalld"),
    ];
    this.#daemon = Bun.spawn([firewalld, "--nofork", "--nopid", ...paths], {
      env: process.env,
      stderr: "ignore",
    });
    await until("firewalld runs", async () => (await run(["firewall-cmd", "--state"])).code === 0, 60);
  }

  async down(): Promise<void> {
    this.#daemon?.kill();
    await this.#daemon?.exited;
  }

  /** `firewall-cmd`; what it says. */
  async ask(...args: string[]): Promise<string> {
    return (
      await mustRun(["firewall-cmd", ...args], {
        env: { DBUS_SYSTEM_BUS_ADDRESS: process.env.DBUS_SYSTEM_BUS_ADDRESS ?? "" },
      })
    ).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    this.#bus.kill();
    await this.#bus.exited;
    delete process.env.DBUS_SYSTEM_BUS_ADDRESS;
  }
}
