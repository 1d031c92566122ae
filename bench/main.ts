/**
 * The benchmark: all engines do each case in turn, in one run, and one table shows medians, spreads and ratios. It is
 * started by `npm run bench`, which gives it namespaces and a journalled disk of its own.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { allCases } from "./cases/all.ts";
import { Bench } from "./lib/bench.ts";
import type { BenchCase } from "./lib/case.ts";
import { describeHost } from "./lib/host.ts";
import { type Options, pick, readOptions } from "./lib/options.ts";
import { type CaseResult, runCase } from "./lib/runner.ts";
import { renderTable } from "./lib/table.ts";

const options = readOptions();
const chosen = pick(allCases, options.cases);
if (options.list) {
  for (const { name, title } of chosen) console.log(`${name.padEnd(24)} ${title}`);
} else {
  // What a case has started in the background must not hold up the end.
  process.exit(await measure(options, chosen));
}

/** 1 when a case could not be measured, or a target was missed. */
async function measure(
  { folder, peers, rounds, json }: Options,
  cases: readonly BenchCase[],
): Promise<number> {
  await using bench = await Bench.open({ folder, peers });
  const host = await describeHost(bench);
  for (const line of host) console.log(line);
  const results: CaseResult[] = [];
  for (const one of cases) {
    process.stderr.write(`${one.title} …\n`);
    const result = await runCase(bench, one, rounds);
    for (const [who, why] of Object.entries(result.failures))
      console.log(`${one.name}: ${who} failed: ${why}`);
    results.push(result);
    writeFileSync(json, `${JSON.stringify({ host, results }, undefined, 1)}\n`);
  }
  console.log(`\n${renderTable(results)}`);
  console.log(`load of the machine at the end: ${loadavg()[0]}; all samples: ${json}`);
  const bad = ({ failures, ratios, target }: CaseResult) =>
    Object.keys(failures).length > 0 || (target !== undefined && (ratios["docker.io"] ?? 0) > target);
  return results.some(bad) ? 1 : 0;
}
