const two = (value: number) => String(value).padStart(2, "0");

/** Hours and minutes that local time is before UTC, as `+0100`. */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

/** The abbreviation of the local time zone, as far as this runtime knows it: `UTC`, `CET`; else its offset. */
function zoneName(date: Date): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (timeZone === "UTC" || timeZone === "Etc/UTC") return "UTC";
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  return /^[A-Z]{3,5}$/.test(name) ? name : offset(date);
}

/** Seconds since 1970 as Go's `time.Time.String()` prints local time: `2026-11-21 08:13:52 +0000 UTC`. */
export function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time} ${offset(date)} ${zoneName(date)}`;
}

/** Seconds since 1970 in local time, as RFC 3339. */
export function localRfc3339(seconds: number): string {
  const [day, time, zone = ""] = localTime(seconds).split(" ");
  return `${day}T${time}${zone === "+0000" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3)}`}`;
}
