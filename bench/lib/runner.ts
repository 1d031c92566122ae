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

/** Before each measurement, so that most of what the one before it left is done. */
const restMillis = 100;

const rotated = <T>(list: readonly T[], by: number) => [
  ...list.slice(by % list.length),
  ...list.slice(0, by % list.length),
];

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
  const sample = async (label: string, measure: () => number | Promise<number>, keep: boolean) => {
    const value = await measure();
    if (keep) samples.set(label, [...(samples.get(label) ?? []), value]);
  };
  // The first round is not counted: it fills caches.
  const steps = [
    ...taking.map((contestant) => ({
      label: contestant.label,
      measure: () => one.measure(contestant, bench),
    })),
    ...(one.floor ? [{ label: "floor", measure: () => one.floor?.measure(bench) ?? Number.NaN }] : []),
  ];
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
    // Nobody always comes after the same other, whose clearing-up goes on for a while.
    for (const { label, measure } of rotated(steps, round + 1)) {
      await Bun.sleep(restMillis);
      await attempt(label, () => sample(label, measure, round >= 0));
    }
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
