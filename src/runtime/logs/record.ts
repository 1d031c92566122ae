/** Lines that were written by one stream at one time. */
export interface LogRecord {
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, as it was written. */
  time: string;
  /** Any number of lines with their ends. The last has none when it is a piece of a line that is logged in several. */
  text: string;
  attributes?: Record<string, string>;
}

/** What a json-file's records begin with, and what follows the text in it. */
const prefix = '{"log":"';
const afterText = '","stream":"';

/**
 * Reads whole lines of a json-file. A damaged one is left out. Records that differ in their text alone, as they stand
 * in a file when a container prints much, become one: then a line costs a tenth of what parsing each would.
 */
export function parseRecords(lines: string): LogRecord[] {
  const records: LogRecord[] = [];
  for (let start = 0; start < lines.length; ) {
    let end = lines.indexOf("\n", start);
    const first = lines.slice(start, end);
    const at = first.startsWith(prefix) ? first.indexOf(afterText) : -1;
    const suffix = at > 0 ? first.slice(at) : undefined;
    const next = suffix === undefined ? end : endOfRun(lines, end, suffix);
    const joined = next === end ? first : lines.slice(start, next).replaceAll(`${suffix}\n${prefix}`, "");
    end = next;
    const record = parseRecord(joined);
    if (record) records.push(record);
    start = end + 1;
  }
  return records;
}

/** The end of the last line in a row, after the one that ends at `end`, that ends with `suffix` too. */
function endOfRun(lines: string, end: number, suffix: string): number {
  for (;;) {
    const next = lines.indexOf("\n", end + 1);
    if (next < 0 || !lines.startsWith(suffix, next - suffix.length) || !lines.startsWith(prefix, end + 1)) {
      return end;
    }
    end = next;
  }
}

/** One line of a json-file; undefined when it is damaged. */
export function parseRecord(line: string): LogRecord | undefined {
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
