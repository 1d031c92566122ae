import { messageOf } from "../../../base/errors.ts";
import { boolValue } from "../../../gotemplate/types.ts";
import type { Cli } from "../../cli.ts";
import { command, noArguments } from "../../command.ts";
import { loadContext } from "../../context/current.ts";
import { contextInUse, defaultContext } from "../../context/names.ts";
import { contextExists, listContexts } from "../../context-store.ts";
import { listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { ellipsis } from "../../format/ellipsis.ts";
import { formatRows, type RowKind } from "../../format/rows.ts";

const flags = {
  format: listFormatFlag,
  quiet: flag.bool("Show names only", { short: "q" }),
};

interface Row {
  name: string;
  current: boolean;
  description: string;
  host: string;
  error: string;
}

/** Columns that an error gets in a table. */
const errorWidth = 45;

const rows = (isTable: boolean): RowKind<Row> => ({
  type: "formatter.clientContextContext",
  headers: {
    Name: "NAME",
    Description: "DESCRIPTION",
    DockerEndpoint: "DOCKER ENDPOINT",
    // Templates ask whether it is set, of the titles too.
    Current: "",
    Error: "ERROR",
  },
  columns: {
    Current: (row) => boolValue(row.current),
    Name: (row) => row.name,
    Description: (row) => row.description,
    DockerEndpoint: (row) => row.host,
    Error: (row) => (isTable ? ellipsis(row.error, errorWidth) : row.error),
  },
});

function rowsOf(cli: Cli): Row[] {
  const current = contextInUse(cli);
  const stored = listContexts(cli.configFolder);
  const known = [loadContext(cli, defaultContext).meta, ...stored].map((meta) => ({
    name: meta.Name,
    current: meta.Name === current,
    description: meta.Metadata?.Description ?? "",
    host: meta.Endpoints?.docker?.Host ?? "",
    error: "",
  }));
  if (current !== defaultContext && !contextExists(cli.configFolder, current)) {
    known.push({ name: current, current: true, description: "", host: "", error: errorOf(cli, current) });
  }
  return known.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

function errorOf(cli: Cli, name: string): string {
  try {
    loadContext(cli, name);
    return "";
  } catch (error) {
    return messageOf(error);
  }
}

const table = `table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}`;

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const standard = flags.quiet ? "{{.Name}}" : table;
    const format = flags.format === "" || flags.format === "table" ? standard : flags.format;
    cli.out.write(formatRows(rows(format.startsWith("table")), rowsOf(cli), format));
    if (process.env.DOCKER_HOST && !flags.quiet) {
      cli.printError(
        "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.",
      );
    }
    return 0;
  },
});
