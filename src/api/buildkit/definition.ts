/** `pb.Definition`: LLB, as far as it is needed to name a result (solver/pb/ops.proto). */
import { createHash } from "node:crypto";
import { bytes, int, list, type MessageOf, map, message, one, string } from "../../base/protobuf.ts";

const Input = message({ digest: one(1, string), index: one(2, int) });
const SourceOp = message({ identifier: one(1, string) });
const Op = message({ inputs: list(1, Input), source: one(3, SourceOp) });
const OpMetadata = message({});
/** Clients take one without metadata for none at all. */
export const Definition = message({ def: list(1, bytes), metadata: map(2, OpMetadata) });

const scheme = "longshore-result://";

/** A definition that stands for the result called `id`: clients hand it back as an input of another build. */
export function definitionOf(id: string): MessageOf<typeof Definition> {
  const source = Op.encode({ inputs: [], source: { identifier: scheme + id } });
  const digest = `sha256:${createHash("sha256").update(source).digest("hex")}`;
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
