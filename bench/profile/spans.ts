import type { TraceLine } from "../../src/daemon/tracing/trace-file.ts";

/** A step of the daemon. Nanoseconds since 1970. */
export interface TimedSpan {
  name: string;
  begun: bigint;
  ended: bigint;
  /** It is a request of a client. */
  isRequest: boolean;
}

const server = 2;

/** The spans of a trace file, in the order of their beginnings. */
export async function readSpans(path: string): Promise<TimedSpan[]> {
  const lines = (await Bun.file(path).text()).split("\n").filter(Boolean);
  return lines
    .flatMap((line) => (JSON.parse(line) as TraceLine).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map((span) => ({
      name: span.name,
      begun: BigInt(span.startTimeUnixNano),
      ended: BigInt(span.endTimeUnixNano),
      isRequest: span.kind === server,
    }))
    .toSorted((a, b) => (a.begun < b.begun ? -1 : 1));
}
