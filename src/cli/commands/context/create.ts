import { command, exactly } from "../../command.ts";
import { loadContext } from "../../context/current.ts";
import { dockerEndpoint, dockerFlag } from "../../context/docker-endpoint.ts";
import { checkNewContext, contextInUse } from "../../context/names.ts";
import { writeContext } from "../../context-store.ts";
import { StatusError } from "../../exit.ts";
import { flag } from "../../flags.ts";

const flags = {
  description: flag.string("What the context is for"),
  docker: dockerFlag,
  from: flag.string("Context to copy"),
};

export default command<typeof flags>({
  usage: "[OPTIONS] CONTEXT",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags, changed }) => {
    const [name = ""] = args;
    checkNewContext(cli, name);
    const description = changed("description") ? { Description: flags.description } : undefined;
    if (Object.keys(flags.docker).length > 0) {
      if (flags.from !== "") throw new StatusError(1, "cannot use --docker flag when --from is set");
      const { endpoint, tls } = dockerEndpoint(cli.configFolder, flags.docker);
      const meta = { Name: name, Metadata: description ?? {}, Endpoints: { docker: endpoint } };
      writeContext(cli.configFolder, meta, tls);
    } else {
      const { meta, tls } = loadContext(cli, flags.from || contextInUse(cli));
      writeContext(
        cli.configFolder,
        { ...meta, Name: name, Metadata: description ?? meta.Metadata ?? {} },
        tls,
      );
    }
    cli.print(name);
    cli.printError(`Successfully created context ${JSON.stringify(name)}`);
    return 0;
  },
});
