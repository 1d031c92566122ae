import type { Cli } from "../../cli.ts";
import { anyArguments, command } from "../../command.ts";
import { loadContext } from "../../context/current.ts";
import { contextInUse, defaultContext } from "../../context/names.ts";
import { contextFolders } from "../../context-store.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { declared, type Inspected, inspectAll } from "../../inspect.ts";

const flags = { format: valueFormatFlag };

const inMemory = "<IN MEMORY>";

function inspected(cli: Cli, name: string): Inspected {
  const { meta, tls } = loadContext(cli, name);
  const folders =
    name === defaultContext ? { meta: inMemory, tls: inMemory } : contextFolders(cli.configFolder, name);
  const json = JSON.stringify({
    Name: meta.Name,
    Metadata: name === defaultContext ? {} : (meta.Metadata ?? {}),
    Endpoints: meta.Endpoints ?? {},
    TLSMaterial: Object.fromEntries(
      Object.entries(tls).map(([endpoint, files]) => [endpoint, Object.keys(files)]),
    ),
    Storage: { MetadataPath: folders.meta, TLSPath: folders.tls },
  }).replace(/[<>]/g, (char) => (char === "<" ? "\\u003c" : "\\u003e"));
  return {
    json,
    type: async () =>
      declared((await import("../../go-types/context.ts")).contextTypes, "context.contextWithTLSInfo"),
  };
}

export default command<typeof flags>({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  args: anyArguments,
  flags,
  run: (cli, { args, flags }) => {
    const names = args.length > 0 ? args : [contextInUse(cli)];
    return inspectAll(cli, names, flags.format, async (name) => inspected(cli, name));
  },
});
