import { digits, summarize } from "../lib/statistics.ts";
import { alignRows } from "../lib/table.ts";
import type { Profile } from "./profiles.ts";

/** A table of the phases: medians of their milliseconds, their share of all, and the budget. */
export function renderProfile(profile: Profile, runs: readonly ReadonlyMap<string, number>[]): string {
  const steps = [...new Set(runs.flatMap((run) => [...run.keys()]))];
  const phaseOf = (step: string) =>
    profile.phases.find((phase) => phase.steps.some((begin) => step.startsWith(begin)));
  const others = steps.filter((step) => !phaseOf(step));
  const phases = [
    ...profile.phases,
    ...others.map((step) => ({ title: step, steps: [step], budget: undefined })),
  ];
  const total = summarize(runs.map((run) => sum([...run.values()])));
  const rows = phases.map((phase) => {
    const inPhase = (step: string) => (phaseOf(step) ?? phase) === phase && isStep(phase.steps, step);
    const { median, spread } = summarize(
      runs.map((run) => sum([...run].filter(([step]) => inPhase(step)).map(([, millis]) => millis))),
    );
    return [phase.title, ...cells(median, spread), share(median / total.median), budget(phase.budget)];
  });
  const header = ["phase", "ms", "±", "share", "budget"];
  const last = ["in all", ...cells(total.median, total.spread), "", budget(profile.budget)];
  return `${profile.title}: medians of ${runs.length} runs\n\n${alignRows([header, ...rows, last], 1)}`;
}

const isStep = (begins: readonly string[], step: string) => begins.some((begin) => step.startsWith(begin));
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
const cells = (median: number, spread: number) => [digits(median), digits(spread)];
const share = (part: number) => `${(100 * part).toFixed(0)} %`;
const budget = (millis: number | undefined) => (millis === undefined ? "" : `≤ ${millis}`);
