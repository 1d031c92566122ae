import { between, command } from "../../command.ts";
import { StatusError } from "../../exit.ts";

const hostPort = (ip: string, port: string) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);

/** By number, then by protocol; addresses of IPv4 before those of IPv6 come from the daemon in that order. */
function byPort(a: string, b: string): number {
  const [left = "", leftProtocol = ""] = a.split("/");
  const [right = "", rightProtocol = ""] = b.split("/");
  return Number(left) - Number(right) || (leftProtocol < rightProtocol ? -1 : 1);
}

export default command({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  args: between(1, 2),
  flags: {},
  run: async (cli, { args }) => {
    const [id = "", asked] = args;
    const { NetworkSettings } = await (await cli.client()).call("ContainerInspect", { params: { id } });
    const ports = NetworkSettings.Ports ?? {};
    if (asked !== undefined) {
      const [number = "", protocol = "tcp"] = asked.split("/");
      const found = ports[`${number}/${protocol}`];
      if (!found) throw new StatusError(1, `Error: No public port '${asked}' published for ${id}`);
      for (const { HostIp = "", HostPort = "" } of found) cli.print(hostPort(HostIp, HostPort));
      return 0;
    }
    for (const port of Object.keys(ports).sort(byPort)) {
      for (const { HostIp = "", HostPort = "" } of ports[port] ?? []) {
        cli.print(`${port} -> ${hostPort(HostIp, HostPort)}`);
      }
    }
    return 0;
  },
});
