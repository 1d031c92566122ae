import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument } from "../../base/errors.ts";

/** A question about a Dockerfile instead of a build: `--call outline,format=json`. */
export interface Call {
  /** Without `frontend.` before it. */
  name: string;
  json: boolean;
  /** What was found decides nothing. */
  ignoreStatus: boolean;
}

/** Takes `--call` and `--check` apart; undefined for a build. Throws `invalidArgument`. */
export function callOf(text: string, check: boolean): Call | undefined {
  const call: Call = { name: "", json: false, ignoreStatus: false };
  for (const field of parseCsvRecord(check ? "check" : text)) {
    const [, key, value = ""] = /^([^=]*)=(.*)$/s.exec(field) ?? [];
    if (key === undefined) {
      if (call.name !== "") throw invalidArgument(`invalid print value: ${text}`);
      call.name = field;
    } else if (key === "format") call.json = value === "json";
    else if (key === "ignorestatus") call.ignoreStatus = boolean(value);
    else throw invalidArgument(`invalid print field: ${field}`);
  }
  if (call.name === "check") call.name = "lint";
  return call.name === "build" || call.name === "" ? undefined : call;
}

function boolean(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidArgument(`invalid ignorestatus print value: ${text}`);
}
