import { parseExactJson } from "../api/decode.ts";
import { messageOf } from "../base/errors.ts";
import { decodeAs } from "../gotemplate/declarations.ts";
import { parseTemplate, type Template } from "../gotemplate/template.ts";
import { fromJson, type GoType } from "../gotemplate/types.ts";
import type { Cli } from "./cli.ts";
import { StatusError } from "./exit.ts";
import { indentJson } from "./format/indent-json.ts";

/** One object to show: its JSON as the daemon sent it, and the Go type that templates see it as. */
export interface Inspected {
  readonly json: string;
  readonly type: () => Promise<GoType>;
}

/** The declared type of that name; an error of the program when there is none. */
export async function declared(declarations: string, name: string): Promise<GoType> {
  const { parseDeclarations } = await import("../gotemplate/declarations.ts");
  const type = parseDeclarations(declarations).get(name);
  if (!type) throw new Error(`type ${name} is not declared`);
  return type;
}

/**
 * Shows objects as a JSON array, as lines of JSON (`json`), or by a template. A template sees the object as the Go
 * client's type; where it asks for what that type has not, it sees the JSON with its own keys.
 */
export async function inspectAll(
  cli: Cli,
  names: readonly string[],
  format: string,
  get: (name: string) => Promise<Inspected>,
): Promise<number> {
  const template = parseFormat(format);
  const found: string[] = [];
  const errors: string[] = [];
  let out = "";
  for (const name of names) {
    let object: Inspected;
    try {
      object = await get(name);
    } catch (error) {
      errors.push(messageOf(error));
      continue;
    }
    found.push(object.json);
    if (!template) continue;
    try {
      out += `${await render(template, object)}\n`;
    } catch (error) {
      errors.push(`template parsing error: ${messageOf(error)}`);
      break;
    }
  }
  if (format === "") out = found.length === 0 ? "[]\n" : `${indentJson(`[${found.join(",")}]`)}\n`;
  else if (format === "json") out = `[${found.map(compact).join(",")}]\n`;
  else if (out === "") out = "\n";
  cli.out.write(out);
  if (errors.length > 0) throw new StatusError(1, errors.join("\n"));
  return 0;
}

const compact = (json: string) => indentJson(json, "");

function parseFormat(format: string): Template | undefined {
  if (format === "" || format === "json") return undefined;
  try {
    return parseTemplate(format);
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${messageOf(error)}`);
  }
}

async function render(template: Template, object: Inspected): Promise<string> {
  const json = parseExactJson(object.json);
  const type = await object.type();
  try {
    return template.execute({ type, raw: decodeAs(type, json) });
  } catch {
    // Not a field of the Go type; it may be a key of the JSON.
    return template.execute(fromJson(json), { missingKey: "error" });
  }
}
