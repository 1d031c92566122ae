import { invalidArgument } from "./errors.ts";

const decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** `value` with `digits` significant digits, trailing zeros cut, as Go's `%.Ng` prints it. */
function significant(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

function scaled(size: number, base: number, units: readonly string[], digits: number): string {
  let value = size;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return significant(value, digits) + units[unit];
}

/** Bytes for people, powers of 1000, as Docker prints sizes: `1.24kB`. `digits` significant digits. */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, decimal, digits);
}

/** Bytes for people, powers of 1024: `1.5GiB`. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, binary, 4);
}

const sizePattern = /^(\d+(?:\.\d+)?)\s?([kmgtp])?i?b?$/i;

/** Bytes from `512`, `10m`, `1.5g`, `64KiB` (powers of 1024), as flags like `--memory` take them. */
export function parseBytes(text: string): number {
  const match = sizePattern.exec(text);
  if (!match) throw invalidArgument(`invalid size: '${text}'`);
  const power = match[2] === undefined ? 0 : "kmgtp".indexOf(match[2].toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
}

const durationUnits: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds from Go's notation (`1h30m`, `1.5s`, `-2ms`, `0`), or undefined when `text` is not of that form. */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0;
  for (const [, number, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * (durationUnits[unit ?? ""] ?? 0);
  }
  return sign * Math.round(total);
}

/** As `parseGoDuration`; throws with Go's texts. */
export function goDuration(text: string): number {
  const shown = JSON.stringify(text);
  let rest = text.replace(/^[-+]/, "");
  if (rest === "0") return 0;
  if (rest === "") throw new Error(`time: invalid duration ${shown}`);
  while (rest !== "") {
    const part = /^(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
    if (!part) throw new Error(`time: invalid duration ${shown}`);
    const unit = part[1] ?? "";
    if (unit === "") throw new Error(`time: missing unit in duration ${shown}`);
    if (!["ns", "us", "µs", "μs", "ms", "s", "m", "h"].includes(unit)) {
      throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${shown}`);
    }
    rest = rest.slice(part[0].length);
  }
  return parseGoDuration(text) ?? 0;
}

/** Nanoseconds in Go's notation: `1h0m0s`, `1.5s`, `2ms`, `0s`. */
export function formatGoDuration(nanos: number): string {
  if (nanos === 0) return "0s";
  const sign = nanos < 0 ? "-" : "";
  const n = Math.abs(nanos);
  if (n < 1e3) return `${sign}${n}ns`;
  if (n < 1e6) return `${sign}${n / 1e3}µs`;
  if (n < 1e9) return `${sign}${n / 1e6}ms`;
  const hours = Math.floor(n / 3600e9);
  const minutes = Math.floor((n % 3600e9) / 60e9);
  const seconds = (n % 60e9) / 1e9;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** A span of time for people, in Docker's words: `Less than a second`, `About a minute`, `3 hours`, `2 weeks`. */
export function humanDuration(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
