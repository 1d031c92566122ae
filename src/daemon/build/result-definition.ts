import { type Definition, Op } from "../../api/buildkit/definition.ts";
import type { MessageOf } from "../../base/protobuf.ts";
import { sha256Of } from "../../oci/digester.ts";

const scheme = "longshore-result://";

/** A definition that stands for the result called `id`: clients hand it back as an input of another build. */
export function definitionOf(id: string): MessageOf<typeof Definition> {
  const source = Op.encode({ inputs: [], source: { identifier: scheme + id } });
  const digest = sha256Of(source);
  // The last one says which of those before is meant.
  const last = Op.encode({ inputs: [{ digest, index: 0 }], source: undefined });
  return { def: [Buffer.from(source), Buffer.from(last)], metadata: { [digest]: {} } };
}

/** The result that a definition stands for; undefined for other LLB. */
export function resultIn({ def }: { def: readonly Uint8Array[] }): string | undefined {
  for (const encoded of def) {
    const identifier = Op.decode(encoded).source?.identifier ?? "";
    if (identifier.startsWith(scheme)) return identifier.slice(scheme.length);
  }
  return undefined;
}
