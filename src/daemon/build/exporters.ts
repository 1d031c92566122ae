import type { SolveRequest } from "../../api/buildkit/control.ts";
import type { Output } from "./export.ts";

/** What a `Solve` says of its outputs, in the form of before and of after there could be several. */
export function outputsOf({ Exporters, Exporter, ExporterAttrs }: SolveRequest): Output[] {
  if (Exporters.length > 0) return Exporters.map(({ Type, Attrs }) => ({ Type, Attrs }));
  return Exporter === "" ? [] : [{ Type: Exporter, Attrs: ExporterAttrs }];
}
