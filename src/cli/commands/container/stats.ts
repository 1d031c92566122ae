import { anyArguments, command } from "../../command.ts";
import { StatsBoard } from "../../container/stats-board.ts";
import { statsRows, statsTable } from "../../container/stats-rows.ts";
import { listFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { formatRows } from "../../format/rows.ts";

const flags = {
  all: flag.bool("Show all containers, not only those that run", { short: "a" }),
  format: listFormatFlag,
  "no-stream": flag.bool("Show the first numbers and end"),
  "no-trunc": flag.bool("Show everything in full"),
};

const refresh = 500;

export default command<typeof flags>({
  usage: "[OPTIONS] [CONTAINER...]",
  args: anyArguments,
  flags,
  run: async (cli, { args, flags }) => {
    const client = await cli.client();
    const once = flags["no-stream"];
    using board = new StatsBoard(client, once);
    if (args.length > 0) for (const id of args) board.add(id);
    else await board.followAll(flags.all);
    await board.first();
    const custom = flags.format || (cli.config.statsFormat ?? "");
    const format = custom === "" || custom === "table" ? statsTable : custom;
    const kind = statsRows(!flags["no-trunc"]);
    const draw = () => formatRows(kind, board.rows(), format);
    if (once) {
      cli.out.write(draw());
      return 0;
    }
    // Home, then each line over the old one, then the rest of the screen cleared: nothing flickers.
    cli.out.write("\x1b[2J");
    for (;;) {
      cli.out.write(`\x1b[H${draw().replaceAll("\n", "\x1b[K\n")}\x1b[J`);
      if (board.ended) return 0;
      await Bun.sleep(refresh);
    }
  },
});
