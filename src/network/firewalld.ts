import type { DbusConnection } from "../linux/dbus/connection.ts";
import type { DbusValue } from "../linux/dbus/values.ts";

/*
 * What is asked of firewalld (firewalld.dbus(5)). The zone and the policy are Docker's, by name and content, so that rules
 * that an administrator wrote for them hold here too.
 */

export const firewalldName = "org.fedoraproject.FirewallD1";
const path = "/org/fedoraproject/FirewallD1";
const configPath = `${path}/config`;

/** The zone of containers' bridges. */
export const containerZone = "docker";
const containerPolicy = "docker-forwarding";

type Settings = Record<string, string | readonly string[]>;

const zoneSettings: Settings = {
  short: containerZone,
  description: "zone for docker bridge network interfaces",
  target: "ACCEPT",
};

const policySettings: Settings = {
  short: containerPolicy,
  description: "allow forwarding to the docker zone",
  target: "ACCEPT",
  ingress_zones: ["ANY"],
  egress_zones: [containerZone],
};

/** The methods of a running firewalld that are used here. */
export class Firewalld {
  readonly #bus: DbusConnection;

  constructor(bus: DbusConnection) {
    this.#bus = bus;
  }

  async #ask(member: string, ...body: DbusValue[]): Promise<DbusValue | undefined> {
    const [group = "", method = ""] = member.includes(".") ? member.split(".") : ["", member];
    const [answer] = await this.#bus.call({
      destination: firewalldName,
      path: group === "config" ? configPath : path,
      interface: group === "" ? firewalldName : `${firewalldName}.${group}`,
      member: method,
      ...(body.length > 0 && {
        signature: body.map((one) => (typeof one === "string" ? "s" : "a{sv}")).join(""),
      }),
      body,
    });
    return answer;
  }

  async #has(member: string, name: string): Promise<boolean> {
    const names = await this.#ask(member);
    return Array.isArray(names) && names.includes(name);
  }

  /**
   * Makes the zone and the policy where they are not there, in the permanent configuration: firewalld knows no others. It
   * reads them when it loads its configuration anew, which it is then told to do.
   */
  async ensureZone(): Promise<void> {
    const hasZone = await this.#has("zone.getZones", containerZone);
    const hasPolicy = await this.#has("policy.getPolicies", containerPolicy);
    if (hasZone && hasPolicy) return;
    if (!(await this.#has("config.getZoneNames", containerZone)))
      await this.#ask("config.addZone2", containerZone, settings(zoneSettings));
    if (!(await this.#has("config.getPolicyNames", containerPolicy)))
      await this.#ask("config.addPolicy", containerPolicy, settings(policySettings));
    await this.#ask("reload");
  }

  /** Puts a bridge into the zone, unless the administrator has put it into another one; the zone that it is in. */
  async join(bridge: string): Promise<string> {
    const zone = await this.#ask("zone.getZoneOfInterface", bridge);
    if (typeof zone === "string" && zone !== "") return zone;
    await this.#ask("zone.addInterface", containerZone, bridge);
    return containerZone;
  }

  /** Takes a bridge out of the zone; nothing happens when it is not in it. */
  async leave(bridge: string): Promise<void> {
    if (await this.#isIn(bridge)) await this.#ask("zone.removeInterface", containerZone, bridge);
  }

  async #isIn(bridge: string): Promise<boolean> {
    return (await this.#ask("zone.getZoneOfInterface", bridge)) === containerZone;
  }
}

function settings(all: Settings): DbusValue {
  return Object.entries(all).map(([name, value]) => [
    name,
    typeof value === "string" ? { signature: "s", value } : { signature: "as", value: [...value] },
  ]);
}
