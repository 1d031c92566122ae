import { invalidArgument, messageOf } from "../../base/errors.ts";
import { outputOf } from "../../gotemplate/errors.ts";
import { headerFunctions } from "../../gotemplate/functions.ts";
import { jsonString, marshalJson } from "../../gotemplate/json.ts";
import { parseTemplate, type Template } from "../../gotemplate/template.ts";
import {
  type GoMethod,
  type GoType,
  mapOf,
  pointerTo,
  stringType,
  stringValue,
  type Value,
} from "../../gotemplate/types.ts";
import { alignTabs } from "./tabwriter.ts";

/**
 * What a template can ask of one row: a text, a value with another Go type, or a function of one text (`.Label "x"`).
 */
export type Column<R> =
  | ((row: R) => string | Value)
  | { readonly ofText: (row: R, argument: string) => string };

/** The rows of one kind of list. */
export interface RowKind<R> {
  /** The Go type that error texts name, without `*`: `formatter.ContainerContext`. */
  readonly type: string;
  /** Titles of the columns in a table. */
  readonly headers: Readonly<Record<string, string>>;
  readonly columns: Readonly<Record<string, Column<R>>>;
}

const asValue = (result: string | Value): Value =>
  typeof result === "string" ? stringValue(result) : result;

/** JSON of a row: all columns that take no argument, by name; `<`, `>` and `&` escaped, as the Go client does. */
function rowJson<R>(kind: RowKind<R>, row: R, json: (value: Value) => string): string {
  const names = Object.keys(kind.columns).sort();
  const members = names.flatMap((name) => {
    const column = kind.columns[name];
    return typeof column === "function" ? [`${jsonString(name)}:${json(asValue(column(row)))}`] : [];
  });
  const escapes: Record<string, string> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };
  return `{${members.join(",")}}`.replace(/[<>&]/g, (char) => escapes[char] ?? char);
}

function rowType<R>(kind: RowKind<R>, json: (value: Value) => string): GoType {
  const methods: Record<string, GoMethod> = {};
  for (const [name, column] of Object.entries(kind.columns)) {
    methods[name] =
      typeof column === "function"
        ? { parameters: [], call: (row) => asValue(column(row as R)) }
        : {
            parameters: [stringType],
            call: (row, [text]) => stringValue(column.ofText(row as R, String(text))),
          };
  }
  const type: GoType = {
    kind: "struct",
    name: kind.type,
    fields: [],
    methods,
    json: (row) => rowJson(kind, row as R, json),
  };
  return pointerTo(type);
}

/** What the template sees when the header of a table is made: each column gives its title. */
function headerValue(headers: Readonly<Record<string, string>>): Value {
  const label: GoMethod = {
    parameters: [stringType],
    call: (_, [name]) => stringValue((String(name).split(".").at(-1) ?? "").replace(/[-_]/g, " ")),
  };
  const type: GoType = {
    ...mapOf(stringType),
    name: "formatter.SubHeaderContext",
    methods: { Label: label },
  };
  return { type, raw: new Map(Object.entries(headers)) };
}

function parse(text: string): Template {
  try {
    return parseTemplate(text);
  } catch (error) {
    throw invalidArgument(`template parsing error: ${messageOf(error)}`, error);
  }
}

function run(template: Template, value: Value): string {
  try {
    return template.execute(value);
  } catch (error) {
    throw invalidArgument(`template parsing error: ${messageOf(error)}`, error);
  }
}

/** True for `table` and `table TEMPLATE`. */
export const isTable = (format: string): boolean => format.startsWith("table");

/** The template that a `--format` means, without `table`. */
function templateText(format: string): string {
  const text = isTable(format) ? format.slice("table".length) : format === "json" ? "{{json .}}" : format;
  return text
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
}

/**
 * Tells which columns a `--format` shows, and refuses one that is wrong even where there is no row. The text is taken
 * as it is, so that places in error texts are those that the user sees.
 */
export function checkFormat<R>(kind: RowKind<R>, format: string): Set<string> {
  const used = new Set<string>();
  const note = (name: string) => {
    used.add(name);
    return "";
  };
  const columns = Object.fromEntries(
    Object.entries(kind.columns).map(([name, column]): [string, Column<unknown>] => [
      name,
      typeof column === "function" ? () => note(name) : { ofText: () => note(name) },
    ]),
  );
  let template: Template;
  try {
    template = parseTemplate(format);
  } catch (error) {
    throw invalidArgument(`failed to parse template: ${messageOf(error)}`, error);
  }
  try {
    template.execute({ type: rowType({ ...kind, columns }, marshalJson), raw: {} });
  } catch (error) {
    throw invalidArgument(`failed to execute template: ${messageOf(error)}`, error);
  }
  return used;
}

/**
 * A template of nothing but text and columns (`{{.ID}}\t{{.Names}}`), as all standard tables are: neither a thousand
 * rows nor a client that is to end at once have to wait for its interpretation.
 */
interface PlainTemplate<R> {
  /** Undefined for a row of which a column is no text. */
  line(row: R): string | undefined;
  /** The titles of the columns; undefined when one has none. */
  readonly header: string | undefined;
}

function plainTemplate<R>(kind: RowKind<R>, text: string): PlainTemplate<R> | undefined {
  // Texts at even places, names of columns at odd ones.
  const parts = text.split(/\{\{\.(\w+)\}\}/);
  const columns = parts.map((name, at) => (at % 2 === 1 ? kind.columns[name] : undefined));
  const isPlain = parts.every((part, at) =>
    at % 2 === 0 ? !part.includes("{{") : typeof columns[at] === "function",
  );
  if (!isPlain) return undefined;
  const titles = parts.map((part, at) => (at % 2 === 0 ? part : kind.headers[part]));
  const line = (row: R) => {
    let line = "";
    for (let at = 0; at < parts.length; at++) {
      const column = columns[at];
      const shown = typeof column === "function" ? column(row) : parts[at];
      if (typeof shown !== "string") return undefined;
      line += shown;
    }
    return line;
  };
  return { line, header: titles.includes(undefined) ? undefined : titles.join("") };
}

/** What a template needs the interpreter for. */
function interpreted<R>(kind: RowKind<R>, text: string) {
  const template = parse(text);
  const type = rowType(kind, marshalJson);
  return {
    line: (row: R): string => run(template, { type, raw: row }),
    header: (): string => {
      try {
        return template.execute(headerValue(kind.headers), { functions: headerFunctions });
      } catch (error) {
        // A column that needs a row, such as an index into one: the titles end there.
        return outputOf(error);
      }
    },
  };
}

/**
 * Rows as `--format` says: `json`, `table TEMPLATE`, or a template for each line. Throws with the Go client's texts
 * where the template is wrong.
 */
export function formatRows<R>(kind: RowKind<R>, rows: readonly R[], format: string): string {
  const text = templateText(format);
  const plain = plainTemplate(kind, text);
  let made: ReturnType<typeof interpreted<R>> | undefined;
  const full = () => {
    made ??= interpreted(kind, text);
    return made;
  };
  // One that is wrong is refused even where there is no row.
  if (!plain) full();
  const lines = rows.map((row) => `${plain?.line(row) ?? full().line(row)}\n`);
  if (!isTable(format)) return lines.join("");
  return alignTabs(`${plain?.header ?? full().header()}\n${lines.join("")}`);
}
