import { command, exactly } from "../../command.ts";
import { dockerEndpoint, dockerFlag } from "../../context/docker-endpoint.ts";
import { checkContextName } from "../../context/names.ts";
import { readContext, writeContext } from "../../context-store.ts";
import { flag } from "../../flags.ts";

const flags = { description: flag.string("What the context is for"), docker: dockerFlag };

export default command<typeof flags>({
  usage: "[OPTIONS] CONTEXT",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const [name = ""] = args;
    checkContextName(name);
    const before = readContext(cli.configFolder, name);
    const Metadata = { ...before.Metadata, ...(flags.description && { Description: flags.description }) };
    if (Object.keys(flags.docker).length === 0) writeContext(cli.configFolder, { ...before, Metadata });
    else {
      const { endpoint, tls } = dockerEndpoint(cli.configFolder, flags.docker);
      const Endpoints = { ...before.Endpoints, docker: endpoint };
      writeContext(cli.configFolder, { ...before, Metadata, Endpoints }, tls);
    }
    cli.print(name);
    cli.printError(`Successfully updated context ${JSON.stringify(name)}`);
    return 0;
  },
});
