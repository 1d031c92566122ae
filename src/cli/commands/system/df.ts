import { versionAtLeast } from "../../../api/version.ts";
import { invalidArgument } from "../../../base/errors.ts";
import { command, noArguments } from "../../command.ts";
import { listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { formatRows } from "../../format/rows.ts";
import { usageKind, usageRows } from "../../system/usage.ts";

const flags = {
  format: listFormatFlag,
  verbose: flag.bool("Show each object", { short: "v" }),
};
const table = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const client = await cli.client();
    const sums = versionAtLeast(await client.negotiate(), "1.52");
    const usage = await client.call(
      "SystemDataUsage",
      sums && flags.verbose ? { query: { verbose: true } } : {},
    );
    if (flags.verbose) {
      if (flags.format !== "" && flags.format !== "table" && flags.format !== "json") {
        throw invalidArgument("the verbose and the format options conflict");
      }
      const { verboseText } = await import("../../system/usage-verbose.ts");
      cli.out.write(verboseText(usage));
      return 0;
    }
    const rows = usageRows(usage);
    const format = flags.format === "" || flags.format === "table" ? table : flags.format;
    const [first] = rows;
    if (!first) return 0;
    const text = format.startsWith("table")
      ? formatRows(usageKind(first), rows, format)
      : rows.map((row) => formatRows(usageKind(row), [row], format)).join("");
    cli.out.write(text);
    return 0;
  },
});
