import type { Finding } from "../../dockerfile/checks/findings.ts";
import { checkReport } from "../../dockerfile/checks/report.ts";
import { excerpt } from "../../dockerfile/errors.ts";
import type { Location } from "../../dockerfile/location.ts";
import { alignTabs } from "../format/tabwriter.ts";
import type { Call } from "./call.ts";

/**
 * What the answer comes to: what is printed, what is printed as an error, and the exit code. `path` is where people find
 * the Dockerfile, instead of what it is called in the build.
 */
export function toldOf(
  { name, json, ignoreStatus }: Call,
  answer: Readonly<Record<string, string>>,
  path?: string,
): { out: string; err: string; code: number } {
  const text = answer["result.json"] ?? "{}";
  const code = ignoreStatus ? 0 : Number(answer["result.statuscode"] ?? 0);
  if (name === "lint") return lint(text, json, code, path);
  const print = printers[name];
  if (json || print === undefined) return { out: `${text}\n`, err: "", code };
  return { out: print(text), err: "", code };
}

const printers: Readonly<Record<string, (text: string) => string>> = {
  outline,
  targets: (text) => {
    const { targets } = JSON.parse(text) as {
      targets: { name?: string; default?: boolean; description?: string }[];
    };
    return table(
      [
        ["TARGET", "DESCRIPTION"],
        ...targets.map(({ name = "", default: isDefault, description = "" }) => [
          [name, isDefault ? "(default)" : ""].filter(Boolean).join(" "),
          description,
        ]),
      ],
      1,
    );
  },
  "subrequests.describe": (text) => {
    const all = JSON.parse(text) as { name: string; version: string; description: string }[];
    const rows = all.map(({ name, version, description }) => [
      name.replace(/^frontend\./, ""),
      version,
      description,
    ]);
    return table([["NAME", "VERSION", "DESCRIPTION"], ...rows], 1);
  },
};

interface Outline {
  name?: string;
  description?: string;
  args?: { name: string; value?: string; description?: string }[];
  secrets?: { name: string; required?: boolean }[];
  ssh?: { name: string; required?: boolean }[];
}

function outline(text: string): string {
  const { name = "", description = "", args = [], secrets = [], ssh = [] } = JSON.parse(text) as Outline;
  const head =
    name === "" && description === ""
      ? []
      : [["TARGET:", name || "(default)"], ...(description === "" ? [] : [["DESCRIPTION:", description]])];
  const needed = (title: string, all: Outline["secrets"] = []) =>
    all.length === 0
      ? []
      : [[title, "REQUIRED"], ...all.map((one) => [one.name, one.required ? "true" : ""])];
  const given = args.map((arg) => [arg.name, arg.value ?? "", arg.description ?? ""]);
  const tables = [
    head,
    args.length === 0 ? [] : [["BUILD ARG", "VALUE", "DESCRIPTION"], ...given],
    needed("SECRET", secrets),
    needed("SSH", ssh),
  ];
  return tables
    .filter((rows) => rows.length > 0)
    .map((rows) => `${table(rows, rows === head ? 1 : 3)}\n`)
    .join("");
}

const table = (rows: readonly (readonly string[])[], padding: number) =>
  alignTabs(rows.map((cells) => `${cells.join("\t")}\n`).join(""), { minWidth: 0, padding });

interface LintResult {
  warnings: { ruleName: Finding["rule"]; detail: string; location: Location }[];
  sources: { fileName: string; data: string }[];
  buildError?: { message: string; location: Partial<Location> };
}

function lint(
  text: string,
  json: boolean,
  code: number,
  path: string | undefined,
): { out: string; err: string; code: number } {
  if (json) return { out: `${text}\n`, err: "", code };
  const { warnings, sources, buildError } = JSON.parse(text) as LintResult;
  const [{ fileName: ownName = "", data = "" } = {}] = sources;
  const fileName = path ?? ownName;
  const source = Buffer.from(data, "base64").toString("utf8");
  const findings = warnings.map(({ ruleName, detail, location }) => ({
    rule: ruleName,
    message: detail,
    range: rangeOf(location),
  }));
  if (buildError === undefined) return { out: checkReport(findings, fileName, source), err: "", code };
  const place = buildError.location.ranges?.length
    ? `\n${excerpt(fileName, source, rangeOf(buildError.location))}`
    : "";
  const out = findings.length === 0 ? "" : `${checkReport(findings, fileName, source)}\n`;
  return { out, err: `ERROR: ${buildError.message}${place}`, code: 1 };
}

function rangeOf({ ranges = [] }: Partial<Location>): Finding["range"] {
  return { start: ranges[0]?.start.line ?? 1, end: ranges[0]?.end.line ?? 1 };
}
