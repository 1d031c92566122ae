import { messageOf } from "../../base/errors.ts";
import type { Cli } from "../cli.ts";
import { atMost, command } from "../command.ts";
import { updateConfigFile } from "../config-file.ts";
import { helperFor, hostOf, hubServer } from "../registry-auth.ts";

export default command({
  usage: "[SERVER]",
  args: atMost(1),
  flags: {},
  run: async (cli, { args }) => {
    const given = args[0] ?? "";
    const isHub = given === "" || given === "docker.io" || given === hubServer;
    const server = isHub ? hubServer : hostOf(given);
    cli.print(`Removing login credentials for ${server}`);
    // Under an address with a scheme they are kept by old clients.
    const names = isHub ? [hubServer] : [server, `http://${server}`, `https://${server}`, given];
    const errors: string[] = [];
    for (const name of isHub ? names : [server]) {
      try {
        helperFor(cli.config, name)?.erase(name);
      } catch (error) {
        errors.push(`${name}: ${messageOf(error)}`);
      }
    }
    forget(cli, names);
    if (errors.length > 0) cli.printError(`WARNING: could not erase credentials:\n${errors.join("\n")}`);
    return 0;
  },
});

function forget(cli: Cli, names: readonly string[]): void {
  const auths = cli.config.auths ?? {};
  const rest = Object.entries(auths).filter(([name]) => !names.includes(name));
  if (rest.length < Object.keys(auths).length) {
    updateConfigFile(cli.configFolder, { auths: Object.fromEntries(rest) });
  }
}
