/** Where the time goes: what is done is told to a tracer, where there is one. */
export interface Tracer {
  /** Does `work`, a step of what is under way; about the container `subject`, where one is named. */
  span<T>(name: string, work: () => T, subject?: string): T;
  /** Does `work` for a request; `traceparent` is what the client says of its own trace (W3C Trace Context). */
  request<T>(name: string, traceparent: string | undefined, work: () => T): T;
  /** Takes note of a step that began at `begun` (nanoseconds since 1970, decimal) and is over now. */
  since(name: string, begun: string, subject?: string): void;
}

/** Without a tracer, as always but for those who look, nothing is noted, and a step costs one call more. */
const noTracer: Tracer = {
  span: (_name, work) => work(),
  request: (_name, _traceparent, work) => work(),
  since: () => {},
};

/** One for the whole process: every layer has steps, and none should have to hand a tracer down. */
export let tracer: Tracer = noTracer;

export function setTracer(next: Tracer): Disposable {
  tracer = next;
  return {
    [Symbol.dispose]: () => {
      tracer = noTracer;
    },
  };
}
