import type { BenchCase } from "./case.ts";

/** What the outside (`scripts/bench.mjs`) hands in, as JSON in the first argument. */
export interface Options {
  list: boolean;
  cases: readonly string[];
  rounds?: number;
  peers: readonly string[];
  json: string;
  folder: string;
}

export function readOptions(): Options {
  return JSON.parse(process.argv[2] ?? "{}") as Options;
}

/**
 * Those that are asked for by group or by how their names begin, in an order in which the number of containers only
 * grows. Ends the process when a word names none.
 */
export function pick(all: readonly BenchCase[], words: readonly string[]): BenchCase[] {
  const names = (word: string, { name }: BenchCase) => name === word || name.startsWith(`${word}-`);
  for (const word of words) {
    if (all.some((one) => names(word, one))) continue;
    process.stderr.write(`no case is called ${word}; --list shows them\n`);
    process.exit(2);
  }
  return all
    .filter((one) => words.length === 0 || words.some((word) => names(word, one)))
    .toSorted((a, b) => (a.containers ?? 0) - (b.containers ?? 0));
}
