import { rfc3339Nano } from "../../base/clock.ts";
import { provenanceOf } from "../../builder/attest/provenance.ts";
import { attestsOf } from "../../builder/attest/requests.ts";
import { scan } from "../../builder/attest/sbom.ts";
import type { Attestation } from "../../builder/attest/statements.ts";
import type { Engine } from "../../engine/engine.ts";
import { predicates } from "../../oci/attestation.ts";
import type { Evaluated } from "./evaluate.ts";
import type { ExportRequest } from "./export.ts";

/** What is to be told of a result beside it: what its scanner has found, and how it came about. */
export async function attest(
  engine: Engine,
  { attrs, progress, lease }: ExportRequest,
  { built, options, about }: Evaluated,
): Promise<Attestation[]> {
  const asked = attestsOf({ ...about.attrs, ...attrs });
  const told: Attestation[] = [];
  if (asked.sbom !== undefined) {
    const context = { deps: engine.builder, options, progress, lease };
    for (const { name, ...found } of await scan(context, built.state, asked.sbom)) {
      told.push({ ...found, file: name, inlineOnly: false });
    }
  }
  if (asked.provenance !== undefined) {
    const { inlineOnly, version } = asked.provenance;
    const { epoch } = options;
    // Who wants to have the same again has to get the same.
    const time = (real: string) => (epoch === undefined ? real : rfc3339Nano(BigInt(epoch) * 1_000_000_000n));
    const finished = time(rfc3339Nano(engine.builder.containers.clock.nowNanos()));
    const when = {
      started: time(about.started),
      finished,
      invocation: epoch === undefined ? about.invocation : "",
    };
    const predicate = provenanceOf(built, { ...about, ...when }, asked.provenance);
    const predicateType = version === "v1" ? predicates.slsa1 : predicates.slsa02;
    told.push({ file: "provenance.json", predicateType, predicate, inlineOnly });
  }
  return told;
}
