import { invalidArgument } from "../base/errors.ts";
import { parseGoDuration } from "../base/units.ts";

const duration = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const date = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * A point in time as the API takes it (`seconds.nanoseconds`), from a duration before `now` (`10m`), a date and time
 * with or without a zone, or seconds since 1970. Throws with the Go client's text.
 */
export function parseTimestamp(text: string, now = Date.now()): string {
  if (duration.test(text)) return String(Math.floor((now - (parseGoDuration(text) ?? 0) / 1e6) / 1000));
  const match = date.exec(text);
  if (match) {
    const [, day = "", hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match;
    const wrong = outOfRange(day, hour, minute, second);
    if (wrong) throw invalidArgument(`parsing time ${JSON.stringify(text)}: ${wrong} out of range`);
    // Without a zone the time is that of this machine.
    const millis = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
    if (!Number.isNaN(millis)) return `${Math.floor(millis / 1000)}.${fraction.slice(1).padEnd(9, "0")}`;
  }
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return text;
  throw invalidArgument(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
}

/** The first part of a time that does not exist; `date` is `2013-01-02`. */
function outOfRange(date: string, hour: string, minute: string, second: string): string | undefined {
  const [year = 0, month = 0, day = 0] = date.split("-").map(Number);
  if (month < 1 || month > 12) return "month";
  if (day < 1 || day > new Date(year, month, 0).getDate()) return "day";
  if (Number(hour) > 23) return "hour";
  if (Number(minute) > 59) return "minute";
  return Number(second) > 59 ? "second" : undefined;
}
