import type { TimedSpan } from "./spans.ts";

/** From the start of a client to its end. Nanoseconds since 1970. */
export interface Moments {
  begun: bigint;
  ended: bigint;
}

/** Requests that stay open while others are answered: what happens meanwhile is not theirs. */
const open = ["/attach", "/wait", "/events", "/logs"];
const isOpen = ({ name, isRequest }: TimedSpan) => isRequest && open.some((end) => name.endsWith(end));

/** Steps that come behind the answer: nobody waits for them. */
const isBehind = ({ name }: TimedSpan) => name === "exit.clear";

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The milliseconds of each phase: the name of the innermost step at each moment. What belongs to no step is the client's:
 * before its first request, between requests, and after the last answer; or the container's own, from its start until
 * its end was noticed.
 */
export function phasesOf(run: Moments, all: readonly TimedSpan[]): Map<string, number> {
  const spans = all.filter((span) => span.ended > run.begun && span.begun < run.ended && !isBehind(span));
  const requests = spans.filter(({ isRequest }) => isRequest);
  const firstRequest = requests[0]?.begun ?? run.ended;
  const lastAnswer =
    requests
      .map(({ ended }) => ended)
      .toSorted(ascending)
      .at(-1) ?? run.begun;
  const started = spans.find(({ name }) => ["runtime.start", "runtime.exec"].includes(name))?.ended;
  const told = spans.find(({ name }) => name === "exit.told")?.begun;
  const without = (at: bigint) => {
    if (at < firstRequest) return "client starts";
    if (started !== undefined && at >= started && at < (told ?? run.ended)) return "the container's process";
    return at < lastAnswer ? "client, between requests" : "client ends";
  };
  const edges = [firstRequest, lastAnswer, ...(started ? [started] : []), ...(told ? [told] : [])];
  const moments = [run.begun, run.ended, ...edges, ...spans.flatMap(({ begun, ended }) => [begun, ended])]
    .filter((at) => at >= run.begun && at <= run.ended)
    .toSorted(ascending);
  const phases = new Map<string, number>();
  for (let index = 1; index < moments.length; index++) {
    const [from = 0n, to = 0n] = [moments[index - 1], moments[index]];
    if (from === to) continue;
    const active = spans.findLast((span) => span.begun <= from && span.ended >= to && !isOpen(span));
    const phase = active?.name ?? without(from);
    phases.set(phase, (phases.get(phase) ?? 0) + Number(to - from) / 1e6);
  }
  return phases;
}
