/** The source of time, a parameter so that tests can set it. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970. */
  now(): number;
  /** Wall clock, in nanoseconds since 1970. */
  nowNanos(): bigint;
}

const originNanos = BigInt(Math.round(performance.timeOrigin * 1e6));

export const systemClock: Clock = {
  now: () => Date.now(),
  // Date.now() has milliseconds only; its sub-millisecond part is taken from the monotonic clock.
  nowNanos: () => {
    const millis = BigInt(Date.now()) * 1_000_000n;
    const precise = originNanos + BigInt(Math.round(performance.now() * 1e6));
    const drift = precise - millis;
    return drift >= 0n && drift < 1_000_000n ? precise : millis;
  },
};

/** RFC 3339 with nine digits of fraction and `Z`, as the Engine API writes times. */
export function rfc3339Nano(nanos: bigint): string {
  const millis = Number(nanos / 1_000_000n);
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0");
  return `${new Date(millis).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Go's zero time, which the Engine API uses for "never". */
export const zeroTime = "0001-01-01T00:00:00Z";
