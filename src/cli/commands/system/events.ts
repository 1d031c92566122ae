import type { EventMessage } from "../../../api/system.ts";
import { invalidArgument, messageOf } from "../../../base/errors.ts";
import { decodeAs } from "../../../gotemplate/declarations.ts";
import { parseTemplate } from "../../../gotemplate/template.ts";
import { command, noArguments } from "../../command.ts";
import { StatusError } from "../../exit.ts";
import { filterFlag, valueFormatFlag } from "../../filter-flag.ts";
import { flag } from "../../flags.ts";
import { localRfc3339 } from "../../format/local-time.ts";
import { declared } from "../../inspect.ts";
import { parseTimestamp } from "../../timestamp.ts";

const { short: _, ...format } = valueFormatFlag;
const flags = {
  filter: filterFlag("Show only those that fit"),
  format,
  since: flag.string("From this time on"),
  until: flag.string("Up to this time"),
};

function eventTime({ time = 0, timeNano }: EventMessage): string {
  const text = localRfc3339(timeNano ? Number(timeNano / 1_000_000_000n) : time);
  if (!timeNano) return text;
  const fraction = String(timeNano % 1_000_000_000n).padStart(9, "0");
  return `${text.slice(0, 19)}.${fraction}${text.slice(19)}`;
}

function line(event: EventMessage): string {
  const { Attributes } = event.Actor;
  const attributes = Object.keys(Attributes ?? {})
    .sort()
    .map((key) => `${key}=${Attributes[key]}`);
  const tail = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${eventTime(event)} ${event.Type} ${event.Action} ${event.Actor.ID}${tail}`;
}

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const show = await printer(flags.format);
    const messages = await (await cli.client()).messages("SystemEvents", {
      query: {
        since: flags.since === "" ? undefined : parseTimestamp(flags.since),
        until: flags.until === "" ? undefined : parseTimestamp(flags.until),
        filters: flags.filter,
      },
    });
    for await (const event of messages) cli.print(show(event));
    return 0;
  },
});

async function printer(text: string): Promise<(event: EventMessage) => string> {
  if (text === "") return line;
  let template: ReturnType<typeof parseTemplate>;
  try {
    template = parseTemplate(text === "json" ? "{{json .}}" : text);
  } catch (error) {
    throw new StatusError(64, `Error parsing format: ${messageOf(error)}`);
  }
  const type = await declared((await import("../../go-types/events.ts")).eventTypes, "events.Message");
  return (event) => {
    try {
      return template.execute({ type, raw: decodeAs(type, event) });
    } catch (error) {
      throw invalidArgument(messageOf(error), error);
    }
  };
}
