import type { SystemInfo } from "../../../api/system.ts";
import { isEngineError, messageOf } from "../../../base/errors.ts";
import { decodeAs } from "../../../gotemplate/declarations.ts";
import { outputOf } from "../../../gotemplate/errors.ts";
import { parseTemplate } from "../../../gotemplate/template.ts";
import { clientFacts } from "../../client-facts.ts";
import { command, noArguments } from "../../command.ts";
import { currentContext } from "../../connection.ts";
import { StatusError } from "../../exit.ts";
import { valueFormatFlag } from "../../filter-flag.ts";
import { declared } from "../../inspect.ts";
import type { Output } from "../../streams.ts";
import { serverLines } from "../../system/info-text.ts";
import { clientVersion } from "../../version.ts";

const flags = { format: valueFormatFlag };

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const client = {
      Debug: cli.globals.debug,
      Platform: { Name: clientFacts.platform },
      Version: clientVersion,
      GitCommit: clientFacts.commit,
      GoVersion: clientFacts.runtime,
      Os: clientFacts.os,
      Arch: clientFacts.arch,
      Context: currentContext(cli.globals, cli.config.currentContext),
      Plugins: [],
      Warnings: null,
    };
    let info: SystemInfo | undefined;
    let failure: string | undefined;
    let refused = false;
    try {
      info = await (await cli.client()).call("SystemInfo");
    } catch (error) {
      failure = messageOf(error);
      // A daemon that cannot be reached is one thing; one that answers with an error is shown as such.
      refused = !isEngineError(error, "unavailable");
    }
    if (flags.format !== "") {
      const problems = failure === undefined ? {} : { ServerErrors: [failure] };
      cli.out.write(await render(cli.out, flags.format, { ...info, ...problems, ClientInfo: client }));
      if (failure !== undefined) throw new StatusError(1, failure);
      return 0;
    }
    const lines = [
      `Client: ${clientFacts.platform}`,
      ` Version:    ${client.Version}`,
      ` Context:    ${client.Context}`,
      ` Debug Mode: ${client.Debug}`,
      "",
      "Server:",
      ...(info ? serverLines(info) : []),
    ];
    for (const line of lines) cli.print(line);
    if (failure !== undefined) {
      throw new StatusError(1, refused ? `ERROR: ${failure}\nerrors pretty printing info` : failure);
    }
    cli.print("");
    for (const warning of info?.Warnings ?? []) cli.printError(warning);
    return 0;
  },
});

async function render(out: Output, format: string, json: object): Promise<string> {
  let template: ReturnType<typeof parseTemplate>;
  try {
    template = parseTemplate(format === "json" ? "{{json .}}" : format);
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${messageOf(error)}`);
  }
  const type = await declared((await import("../../go-types/info.ts")).infoTypes, "system.dockerInfo");
  try {
    return `${template.execute({ type, raw: decodeAs(type, json) })}\n`;
  } catch (error) {
    out.write(`${outputOf(error)}\n`);
    throw error;
  }
}
