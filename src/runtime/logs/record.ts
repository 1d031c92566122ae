export interface LogLine {
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, as it was written. */
  time: string;
  /** With its line end, where it had one (a line longer than 16 KiB comes in several parts). */
  text: string;
  attributes?: Record<string, string>;
}

/** Reads one line of a json-file; undefined when it is damaged. */
export function parseRecord(line: string): LogLine | undefined {
  let json: { log?: unknown; stream?: unknown; time?: unknown; attrs?: Record<string, string> };
  try {
    json = JSON.parse(line);
  } catch {
    return undefined; // cut off when its writer was killed
  }
  const { log, stream, time, attrs } = json ?? {};
  if (typeof log !== "string" || typeof time !== "string") return undefined;
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  return { stream, time, text: log, ...(attrs ? { attributes: attrs } : {}) };
}

/** Nanoseconds since 1970 of an RFC 3339 time with up to nine digits of fraction. */
export function nanosOf(time: string): bigint {
  const [, seconds = "", fraction = "", zone = ""] =
    /^([^.Z+]*?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  const millis = Date.parse(seconds + zone);
  return Number.isNaN(millis) ? 0n : BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
