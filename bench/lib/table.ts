import type { CaseResult } from "./runner.ts";
import { digits } from "./statistics.ts";

const peers = ["docker.io", "podman"] as const;
const columns = ["longshore", "longshore, Go client", ...peers, "floor"] as const;

/**
 * One row a case: medians with their spread, then the ratios. `/docker.io` is product against product, `Go /docker.io`
 * our daemon called by the client that calls Docker's.
 */
export function renderTable(results: readonly CaseResult[]): string {
  const header = [
    "case",
    "unit",
    ...columns,
    "/docker.io",
    "Go /docker.io",
    "/podman",
    "/floor",
    "target",
    "",
  ];
  const rows = results.map((result) => [
    result.title,
    result.unit,
    ...columns.map((column) => cell(result, column)),
    digits(result.ratios["docker.io"] ?? Number.NaN),
    digits(result.engineRatios["docker.io"] ?? Number.NaN),
    digits(result.ratios.podman ?? Number.NaN),
    digits(result.ratios.floor ?? Number.NaN),
    result.target === undefined ? "" : `≤ ${result.target}`,
    verdict(result),
  ]);
  return alignRows([header, ...rows], 2);
}

function cell({ measured, failures }: CaseResult, label: string): string {
  const found = measured[label];
  if (label in failures) return "failed";
  return found ? `${digits(found.median)} ±${digits(found.spread)}` : "–";
}

function verdict({ target, ratios }: CaseResult): string {
  const ratio = ratios["docker.io"];
  if (target === undefined || ratio === undefined) return "";
  return ratio <= target ? "met" : "MISSED";
}

/** The first `left` columns to the left, the others to the right. */
export function alignRows(rows: readonly (readonly string[])[], left: number): string {
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row
      .map((text, at) => (at < left ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}
