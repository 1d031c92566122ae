import type { SystemVersion } from "../../api/system.ts";
import { messageOf } from "../../base/errors.ts";
import { decodeAs } from "../../gotemplate/declarations.ts";
import { outputOf } from "../../gotemplate/errors.ts";
import { parseTemplate } from "../../gotemplate/template.ts";
import type { Cli } from "../cli.ts";
import { clientFacts } from "../client-facts.ts";
import { command, noArguments } from "../command.ts";
import { currentContext } from "../connection.ts";
import { StatusError } from "../exit.ts";
import { valueFormatFlag } from "../filter-flag.ts";
import { alignTabs } from "../format/tabwriter.ts";
import { declared } from "../inspect.ts";
import type { Output } from "../streams.ts";
import { clientVersion } from "../version.ts";

const flags = { format: valueFormatFlag };

/** Text of a date in C's form, `Thu May  7 21:09:36 2026`; what is no date stays. */
function ansiDate(text: string): string {
  const match = /^\d{4}-\d\d-\d\dT/.test(text) ? new Date(text) : undefined;
  if (!match || Number.isNaN(match.getTime())) return text;
  const [weekday = "", month = "", day = "", year = "", time = ""] = match
    .toUTCString()
    .replace(",", "")
    .split(" ")
    .map((_, index, all) => all[[0, 2, 1, 3, 4][index] ?? 0] ?? "");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

type Details = Readonly<Record<string, string>>;

function engineLines(component: {
  readonly Version: string;
  readonly Details?: Details | undefined;
}): string[] {
  const of = (key: string) => component.Details?.[key] ?? "";
  return [
    `  Version:\t${component.Version}`,
    `  API version:\t${of("ApiVersion")} (minimum version ${of("MinAPIVersion")})`,
    `  Go version:\t${of("GoVersion")}`,
    `  Git commit:\t${of("GitCommit")}`,
    `  Built:\t${ansiDate(of("BuildTime"))}`,
    `  OS/Arch:\t${of("Os")}/${of("Arch")}`,
    `  Experimental:\t${of("Experimental")}`,
  ];
}

function serverLines(server: SystemVersion): string[] {
  const lines = ["", `Server:${server.Platform?.Name ? ` ${server.Platform.Name}` : ""}`];
  for (const component of server.Components ?? fromOldDaemon(server)) {
    lines.push(` ${component.Name}:`);
    if (component.Name === "Engine") {
      lines.push(...engineLines(component));
      continue;
    }
    lines.push(`  Version:\t${component.Version}`);
    for (const key of Object.keys(component.Details ?? {}).sort()) {
      lines.push(`  ${key}:\t${component.Details?.[key]}`);
    }
  }
  return lines;
}

/** Daemons before API 1.35 tell of themselves only. */
function fromOldDaemon(server: SystemVersion): NonNullable<SystemVersion["Components"]> {
  const Details = {
    ApiVersion: server.ApiVersion,
    MinAPIVersion: server.MinAPIVersion ?? "",
    GitCommit: server.GitCommit,
    GoVersion: server.GoVersion,
    Os: server.Os,
    Arch: server.Arch,
    BuildTime: server.BuildTime ?? "",
    Experimental: String(server.Experimental ?? false),
  };
  return [{ Name: "Engine", Version: server.Version, Details }];
}

interface ClientVersion {
  readonly ApiVersion: string;
  readonly Context: string;
}

function clientLines(client: ClientVersion): string[] {
  const downgraded =
    client.ApiVersion === clientFacts.apiVersion ? "" : ` (downgraded from ${clientFacts.apiVersion})`;
  return [
    `Client: ${clientFacts.platform}`,
    ` Version:\t${clientVersion}`,
    ` API version:\t${client.ApiVersion}${downgraded}`,
    ` Go version:\t${clientFacts.runtime}`,
    ` Git commit:\t${clientFacts.commit}`,
    ` Built:\t${clientFacts.built}`,
    ` OS/Arch:\t${clientFacts.os}/${clientFacts.arch}`,
    ` Context:\t${client.Context}`,
  ];
}

export default command<typeof flags>({
  usage: "[OPTIONS]",
  args: noArguments,
  flags,
  run: async (cli, { flags }) => {
    const template = parseFormat(flags.format);
    let server: SystemVersion | undefined;
    let failure: string | undefined;
    let ApiVersion: string = clientFacts.apiVersion;
    try {
      const client = await cli.client();
      ApiVersion = await client.negotiate();
      server = await client.call("SystemVersion");
    } catch (error) {
      failure = messageOf(error);
    }
    const facts = { ApiVersion, Context: currentContext(cli.globals, cli.config.currentContext) };
    if (template) cli.out.write(await render(cli.out, template, facts, server));
    else printTable(cli, facts, server);
    if (failure !== undefined) throw new StatusError(1, failure);
    return 0;
  },
});

function printTable(cli: Cli, facts: ClientVersion, server: SystemVersion | undefined): void {
  const lines = [...clientLines(facts), ...(server ? serverLines(server) : [])];
  cli.out.write(alignTabs(`${lines.join("\n")}\n`, { minWidth: 20, padding: 1 }));
}

type Template = ReturnType<typeof parseTemplate>;

function parseFormat(text: string): Template | undefined {
  if (text === "") return undefined;
  try {
    return parseTemplate(text === "json" ? "{{json .}}" : text, "version");
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${messageOf(error)}`);
  }
}

type Component = NonNullable<SystemVersion["Components"]>[number];

function withDate(component: Component): Component {
  const { Details } = component;
  if (!Details?.BuildTime) return component;
  return { ...component, Details: { ...Details, BuildTime: ansiDate(Details.BuildTime) } };
}

async function render(
  out: Output,
  template: Template,
  facts: ClientVersion,
  answer: SystemVersion | undefined,
): Promise<string> {
  const Server = answer && { ...answer, Components: answer.Components?.map(withDate) };
  const type = await declared((await import("../go-types/version.ts")).versionTypes, "system.versionInfo");
  const Client = {
    Platform: { Name: clientFacts.platform },
    Version: clientVersion,
    ApiVersion: facts.ApiVersion,
    DefaultAPIVersion: clientFacts.apiVersion,
    GitCommit: clientFacts.commit,
    GoVersion: clientFacts.runtime,
    Os: clientFacts.os,
    Arch: clientFacts.arch,
    BuildTime: clientFacts.built,
    Context: facts.Context,
  };
  try {
    return `${template.execute({ type, raw: decodeAs(type, { Client, Server }) })}\n`;
  } catch (error) {
    out.write(`${outputOf(error)}\n`);
    throw error;
  }
}
