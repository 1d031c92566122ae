import { command, exactly } from "../../command.ts";
import { checkLabel } from "../../container/checks.ts";
import { pairs } from "../../container/environment.ts";
import { mapFlag } from "../../container/flag-types.ts";
import { flag } from "../../flags.ts";
import { ipamConfigs } from "../../network/ipam.ts";

const splitting = (help: string) =>
  flag.custom<readonly string[]>("strings", help, [], (text, before) => [...before, ...text.split(",")]);

const flags = {
  attachable: flag.bool("Let containers be connected by hand", { since: "1.25" }),
  "aux-address": mapFlag("Keep an address for something else"),
  "config-from": flag.string("Take the settings from this network", { since: "1.30" }),
  "config-only": flag.bool("Make a network that only holds settings", { since: "1.30" }),
  driver: flag.string("Driver of the network", { short: "d", initial: "bridge" }),
  gateway: splitting("Gateway of a subnet"),
  ingress: flag.bool("Make the swarm's routing mesh", { since: "1.29" }),
  internal: flag.bool("Let nothing out of the network, and nothing in"),
  "ip-range": splitting("Give containers addresses from this part of the subnet"),
  "ipam-driver": flag.string("Driver of the addresses", { initial: "default" }),
  "ipam-opt": mapFlag("Option of the addresses' driver"),
  ipv4: flag.bool("Give containers IPv4 addresses", { initial: true, since: "1.48" }),
  ipv6: flag.bool("Give containers IPv6 addresses"),
  label: flag.list("Set a label", { check: checkLabel }),
  opt: mapFlag("Option of the driver", { short: "o" }),
  scope: flag.string("Scope of the network", { since: "1.30" }),
  subnet: splitting("Subnet in CIDR notation"),
};

export default command<typeof flags>({
  usage: "[OPTIONS] NETWORK",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags, changed }) => {
    const Config = ipamConfigs(flags);
    const body = {
      Name: args[0] ?? "",
      Driver: flags.driver,
      Options: Object.fromEntries(flags.opt),
      IPAM: { Driver: flags["ipam-driver"], Config, Options: Object.fromEntries(flags["ipam-opt"]) },
      Internal: flags.internal,
      // What nobody said is the daemon's choice.
      ...(changed("ipv4") && { EnableIPv4: flags.ipv4 }),
      ...(changed("ipv6") && { EnableIPv6: flags.ipv6 }),
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      Scope: flags.scope,
      ConfigOnly: flags["config-only"],
      ...(flags["config-from"] !== "" && { ConfigFrom: { Network: flags["config-from"] } }),
      Labels: pairs(flags.label),
    };
    const client = await cli.client();
    const { Id, Warning } = await client.call("NetworkCreate", { body });
    if (Warning) cli.err.write(`WARNING: ${Warning}\n`);
    cli.print(Id);
    return 0;
  },
});
