import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";

/** What is to be told of a result beside it. */
export interface Attests {
  provenance: ProvenanceRequest | undefined;
  sbom: SbomRequest | undefined;
}

export interface ProvenanceRequest {
  /** `max` tells build arguments, secrets' names, steps and the Dockerfile, too. */
  mode: "min" | "max";
  version: "v0.2" | "v1";
  builderId: string;
  reproducible: boolean;
  /** Not beside the files of a result (outputs `local` and `tar`). */
  inlineOnly: boolean;
}

export interface SbomRequest {
  /** The image that looks through the files. */
  generator: string;
  /** Further settings for it, by name. */
  parameters: Readonly<Record<string, string>>;
}

/** What BuildKit takes where nobody says otherwise. */
const defaultGenerator = "docker/buildkit-syft-scanner:stable-1";

/**
 * Reads `attest:provenance` and `attest:sbom` (also as `build-arg:BUILDKIT_ATTEST_PROVENANCE`), whose values are
 * `mode=max,builder-id=…`. Throws `invalidArgument`.
 */
export function attestsOf(attrs: Readonly<Record<string, string>>): Attests {
  const asked: Attests = { provenance: undefined, sbom: undefined };
  for (const [name, value] of Object.entries(attrs)) {
    const kind = /^(?:attest:|build-arg:BUILDKIT_ATTEST_)(.*)$/.exec(name)?.[1]?.toLowerCase();
    if (kind === undefined) continue;
    if (kind !== "provenance" && kind !== "sbom") throw invalidArgument(`unknown attestation type "${kind}"`);
    const { type: _, disabled, ...fields } = fieldsOf(kind, value);
    if (disabled !== undefined && boolean("disabled", disabled)) continue;
    if (kind === "sbom") {
      const { generator, ...parameters } = fields;
      asked.sbom = { generator: generator || defaultGenerator, parameters };
    } else asked.provenance = provenanceOf(fields);
  }
  return asked;
}

function provenanceOf(fields: Record<string, string>): ProvenanceRequest {
  const { mode = "max", version = "v0.2" } = fields;
  if (mode !== "min" && mode !== "max" && mode !== "full") throw invalidArgument(`invalid mode "${mode}"`);
  if (version !== "v0.2" && version !== "v1") {
    throw invalidArgument(`invalid provenance SLSA version: ${version}`);
  }
  return {
    mode: mode === "min" ? "min" : "max",
    version,
    builderId: fields["builder-id"] ?? "",
    reproducible: boolean("reproducible", fields.reproducible ?? "false"),
    inlineOnly: boolean("inline-only", fields["inline-only"] ?? "false"),
  };
}

function fieldsOf(kind: string, text: string): Record<string, string> {
  if (text === "") return {};
  let fields: string[];
  try {
    fields = parseCsvRecord(text);
  } catch (error) {
    throw invalidArgument(`failed to parse ${kind}: ${messageOf(error)}`, error);
  }
  return Object.fromEntries(
    fields.map((field) => {
      const at = field.indexOf("=");
      return at < 0 ? [field.trim(), "true"] : [field.slice(0, at).trim(), field.slice(at + 1)];
    }),
  );
}

function boolean(name: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalidArgument(`failed to parse ${name} flag "${text}"`);
}
