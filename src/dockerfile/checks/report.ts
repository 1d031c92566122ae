import { excerpt } from "../errors.ts";
import type { Finding } from "./findings.ts";
import { ruleUrl } from "./rules.ts";

/** What `docker build --check` prints (buildx's form), with a newline at the end. */
export function checkReport(findings: readonly Finding[], dockerfile: string, source: string): string {
  if (findings.length === 0) return "Check complete, no warnings found.\n";
  const count = findings.length === 1 ? "1 warning has" : `${findings.length} warnings have`;
  return `Check complete, ${count} been found!\n${findingsText(findings, dockerfile, source)}`;
}

/** Each finding with the lines that it is about. */
export function findingsText(findings: readonly Finding[], dockerfile: string, source: string): string {
  return findings
    .map(
      ({ rule, message, range }) =>
        `\nWARNING: ${rule} - ${ruleUrl(rule)}\n${message}\n${excerpt(dockerfile, source, range)}\n`,
    )
    .join("");
}
