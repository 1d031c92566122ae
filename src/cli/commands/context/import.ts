import { command, exactly } from "../../command.ts";
import { unpackContext } from "../../context/archive.ts";
import { checkNewContext } from "../../context/names.ts";
import { writeContext } from "../../context-store.ts";
import { fileBytes, standardInput } from "../../input-stream.ts";

export default command({
  usage: "CONTEXT FILE|-",
  args: exactly(2),
  flags: {},
  run: async (cli, { args }) => {
    const [name = "", path = ""] = args;
    checkNewContext(cli, name);
    const { meta, tls } = await unpackContext(path === "-" ? standardInput() : fileBytes(path));
    writeContext(cli.configFolder, { ...meta, Name: name }, tls);
    cli.print(name);
    cli.printError(`Successfully imported context ${JSON.stringify(name)}`);
    return 0;
  },
});
