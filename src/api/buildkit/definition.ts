/** `pb.Definition`: LLB, as far as it is needed to name a result (solver/pb/ops.proto). */
import { bytes, int, list, map, message, one, string } from "../../base/protobuf.ts";

const Input = message({ digest: one(1, string), index: one(2, int) });
const SourceOp = message({ identifier: one(1, string) });
export const Op = message({ inputs: list(1, Input), source: one(3, SourceOp) });
const OpMetadata = message({});
/** Clients take one without metadata for none at all. */
export const Definition = message({ def: list(1, bytes), metadata: map(2, OpMetadata) });
