import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";

interface Wanted {
  /** `--attest`. */
  attest: readonly string[];
  /** `--provenance`, `--sbom`: true, false, or settings; "" where they were not given. */
  provenance: string;
  sbom: string;
}

/** Nobody has asked: then an image tells how it was made, and files do not. */
const defaultProvenance = "mode=min,inline-only=true";

/** The attributes `attest:<type>`, of each type the first that was given. Throws `invalidArgument`. */
export function attestAttrs({ attest, provenance, sbom }: Wanted): Record<string, string> {
  const given = [...attest, ...short("provenance", provenance), ...short("sbom", sbom)].map(parse);
  const attrs: Record<string, string> = {};
  const seen = new Set<string>();
  for (const { type, disabled, text } of given) {
    if (seen.has(type)) continue;
    seen.add(type);
    if (!disabled) attrs[`attest:${type}`] = text;
  }
  if (!seen.has("provenance") && !withoutDefaults()) attrs["attest:provenance"] = defaultProvenance;
  return attrs;
}

function withoutDefaults(): boolean {
  const said = process.env.BUILDX_NO_DEFAULT_ATTESTATIONS;
  return said !== undefined && boolean(said, `invalid BUILDX_NO_DEFAULT_ATTESTATIONS: ${said}`);
}

function short(type: string, said: string): string[] {
  if (said === "") return [];
  if (isBoolean(said)) return [`type=${type},disabled=${!boolean(said, "")}`];
  return [`type=${type},${said}`];
}

function parse(text: string): { type: string; disabled: boolean; text: string } {
  let fields: string[];
  try {
    fields = parseCsvRecord(text);
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
  let type = "";
  let disabled = false;
  for (const field of fields) {
    const at = field.indexOf("=");
    if (at < 0) throw invalidArgument(`invalid value ${field}`);
    const name = field.slice(0, at).trim().toLowerCase();
    const value = field.slice(at + 1);
    if (name === "type") type = value;
    if (name === "disabled") disabled = boolean(value, `invalid value ${field}`);
  }
  if (type === "") throw invalidArgument("attestation type not specified");
  return { type, disabled, text };
}

const isBoolean = (text: string) => /^(1|0|t|f|true|false)$/i.test(text);

function boolean(text: string, failure: string): boolean {
  if (!isBoolean(text)) throw invalidArgument(failure);
  return /^(1|t|true)$/i.test(text);
}
