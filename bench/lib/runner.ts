import { loadavg } from "node:os";
import { messageOf } from "../../src/base/errors.ts";
import { setContainers } from "../fixtures/containers.ts";
import type { Bench } from "./bench.ts";
import { type BenchCase, higherIsBetter } from "./case.ts";
import type { Contestant } from "./engine.ts";
import { type Summary, summarize } from "./statistics.ts";

export interface Measured extends Summary {
  samples: number[];
}

export interface CaseResult {
  name: string;
  title: string;
  unit: string;
  /** By contestant; `floor` beside them. */
  measured: Record<string, Measured>;
  floorIs: string | undefined;
  /** What the first contestant costs of what each other costs, floor and rates too: below 1 it is the better. */
  ratios: Record<string, number>;
  /** The same for our daemon called by Docker's client. */
  engineRatios: Record<string, number>;
  target: number | undefined;
  /** Load of the machine in the last minute, when the case ended. */
  load: number;
  /** By contestant: what kept it from being measured. */
  failures: Record<string, string>;
}

/** Measures one case: every contestant in turn, round by round, so that all see the same moods of the machine. */
export async function runCase(bench: Bench, one: BenchCase, rounds = one.rounds): Promise<CaseResult> {
  const failures: Record<string, string> = {};
  const samples = new Map<string, number[]>();
  const attempt = async (label: string, work: () => Promise<unknown>) => {
    if (label in failures) return;
    try {
      await work();
    } catch (error) {
      failures[label] = messageOf(error);
    }
  };
  const taking = bench.contestants.filter((contestant) => one.takesPart?.(contestant) ?? true);
  const engines = [...new Set(taking.map(({ engine }) => engine))];
  const labelsOf = (name: string) =>
    taking.filter(({ engine }) => engine.name === name).map(({ label }) => label);
  for (const engine of engines) {
    await attempt(engine.name, async () => {
      if (one.containers !== undefined) await setContainers(engine, one.containers);
      await one.prepare?.(engine, bench);
    });
    const failure = failures[engine.name];
    if (failure) for (const label of labelsOf(engine.name)) failures[label] = failure;
  }
  await attempt("floor", async () => one.floor?.prepare?.(bench));
  const sample = async (label: string, measure: () => Promise<number>, keep: boolean) => {
    const value = await measure();
    if (keep) samples.set(label, [...(samples.get(label) ?? []), value]);
  };
  // The first round is not counted: it fills caches.
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
    for (const contestant of taking) {
      const { label } = contestant;
      await attempt(label, () => sample(label, () => one.measure(contestant, bench), round >= 0));
    }
    const { floor } = one;
    if (floor) await attempt("floor", () => sample("floor", () => floor.measure(bench), round >= 0));
  }
  for (const engine of engines)
    await attempt(`${engine.name}, cleaning up`, async () => one.cleanUp?.(engine, bench));
  return summary(one, taking, samples, failures);
}

function summary(
  one: BenchCase,
  taking: readonly Contestant[],
  samples: ReadonlyMap<string, number[]>,
  failures: Record<string, string>,
): CaseResult {
  const measured = Object.fromEntries(
    [...samples].map(([label, values]) => [label, { ...summarize(values), samples: values }]),
  );
  const ours = taking.filter(({ engine }) => engine.name === "longshore").map(({ label }) => label);
  const others = Object.keys(measured).filter((label) => !ours.includes(label));
  const against = (label: string | undefined) => {
    const own = label === undefined ? undefined : measured[label]?.median;
    if (own === undefined) return {};
    const ratio = (other: number) => (higherIsBetter(one.unit) ? other / own : own / other);
    return Object.fromEntries(others.map((other) => [other, ratio(measured[other]?.median ?? Number.NaN)]));
  };
  return {
    name: one.name,
    title: one.title,
    unit: one.unit,
    measured,
    floorIs: one.floor?.what,
    ratios: against(ours[0]),
    engineRatios: against(ours[1]),
    target: one.target,
    load: loadavg()[0] ?? Number.NaN,
    failures,
  };
}
