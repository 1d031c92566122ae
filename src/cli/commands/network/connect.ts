import { invalidArgument } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { checkLink } from "../../container/checks.ts";
import { flag } from "../../flags.ts";

const splitting = (help: string) =>
  flag.custom<readonly string[]>("strings", help, [], (text, before) => [...before, ...text.split(",")]);

const flags = {
  alias: splitting("Another name of the container in the network"),
  "driver-opt": splitting("Option of the network's driver"),
  "gw-priority": flag.int("The network with the highest one leads out of the container"),
  ip: flag.string("IPv4 address"),
  ip6: flag.string("IPv6 address"),
  link: flag.list("Give another container a name of its own", { check: checkLink }),
  "link-local-ip": splitting("Link-local address"),
};

export default command<typeof flags>({
  usage: "[OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  flags,
  run: async (cli, { args, flags }) => {
    const [id = "", container = ""] = args;
    const client = await cli.client();
    await client.call("NetworkConnect", {
      params: { id },
      body: {
        Container: container,
        EndpointConfig: {
          IPAMConfig: {
            ...(flags.ip !== "" && { IPv4Address: flags.ip }),
            ...(flags.ip6 !== "" && { IPv6Address: flags.ip6 }),
            ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: [...flags["link-local-ip"]] }),
          },
          Links: [...flags.link],
          Aliases: [...flags.alias],
          DriverOpts: Object.fromEntries(flags["driver-opt"].map(driverOption)),
          GwPriority: flags["gw-priority"],
        },
      },
    });
    return 0;
  },
});

function driverOption(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw invalidArgument("invalid key/value pair format in driver options");
  return [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}
