import { invalidArgument, messageOf } from "../../../base/errors.ts";
import { command, exactly } from "../../command.ts";
import { Demultiplexer } from "../../container/demultiplex.ts";
import { flag } from "../../flags.ts";
import { parseTimestamp } from "../../timestamp.ts";

const flags = {
  details: flag.bool("Show what the log driver adds to each line"),
  follow: flag.bool("Go on as the container writes", { short: "f" }),
  since: flag.string('From this time on ("2013-01-02T13:23:37Z"), or for this long ("42m")'),
  tail: flag.string("Number of lines from the end", { short: "n", initial: "all" }),
  timestamps: flag.bool("Show when each line was written", { short: "t" }),
  until: flag.string('Up to this time ("2013-01-02T13:23:37Z"), or until so long ago ("42m")'),
};

function timeOf(name: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return parseTimestamp(text);
  } catch (error) {
    throw invalidArgument(`invalid value for "${name}": ${messageOf(error)}`, error);
  }
}

export default command<typeof flags>({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  flags,
  run: async (cli, { args, flags }) => {
    const [id = ""] = args;
    const client = await cli.client();
    const { Config } = await client.call("ContainerInspect", { params: { id } });
    const since = timeOf("since", flags.since);
    const until = timeOf("until", flags.until);
    const stream = await client.stream("ContainerLogs", {
      params: { id },
      query: {
        stdout: true,
        stderr: true,
        follow: flags.follow,
        timestamps: flags.timestamps,
        details: flags.details,
        tail: flags.tail,
        since,
        until,
      },
    });
    if (Config.Tty) {
      for await (const bytes of stream) cli.out.write(bytes);
      return 0;
    }
    const frames = new Demultiplexer();
    for await (const chunk of stream) {
      for (const frame of frames.push(chunk)) (frame.stream === 1 ? cli.out : cli.err).write(frame.bytes);
    }
    return 0;
  },
});
