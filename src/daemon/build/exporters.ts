import type { SolveRequest } from "../../api/buildkit/control.ts";
import { boolOf } from "./bool-attr.ts";
import type { Output } from "./export.ts";
import { layerFormOf } from "./layer-form.ts";

/**
 * What a `Solve` says of its outputs, in the form of before and of after there could be several. Throws `invalidArgument`,
 * `notImplemented` where an image cannot be made as it is asked for: before anything is built.
 */
export function outputsOf(request: SolveRequest): Output[] {
  const outputs = saidIn(request);
  for (const { Type, Attrs } of outputs) {
    if (Type === "local" || Type === "tar" || Type === "cacheonly") continue;
    layerFormOf(Attrs);
    boolOf(Attrs, "oci-mediatypes");
  }
  return outputs;
}

function saidIn({ Exporters, Exporter, ExporterAttrs }: SolveRequest): Output[] {
  if (Exporters.length > 0) return Exporters.map(({ Type, Attrs }) => ({ Type, Attrs }));
  return Exporter === "" ? [] : [{ Type: Exporter, Attrs: ExporterAttrs }];
}
