import { keyValue } from "../../base/key-value.ts";
import { type Flag, type FlagOptions, flag } from "../flags.ts";

/** Bytes from `10m`, `1.5g` (powers of 1024), as Docker's flags take them. Throws with go-units' texts. */
export function parseSize(text: string): number {
  const match = /^(.*[0-9. ])([^0-9. ]*)$/s.exec(text);
  if (!match || text.startsWith("-")) throw new Error(`invalid size: '${text}'`);
  const number = (match[1] ?? "").replace(/ $/, "");
  if (!/^\d+\.?\d*$|^\.\d+$/.test(number)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const suffix = match[2] ?? "";
  const unit = /^([kmgtp]?)(?:i?b)?$/i.exec(suffix);
  if (!unit || suffix.toLowerCase() === "ib") throw new Error(`invalid suffix: '${suffix}'`);
  const power = unit[1] ? "kmgtp".indexOf(unit[1].toLowerCase()) + 1 : 0;
  const bytes = Math.trunc(Number(number) * 1024 ** power);
  return bytes < 2 ** 63 ? bytes : overflown;
}

/**
 * What Go makes of a size that is too large for its integers, on amd64: the smallest of them, which the daemon refuses with
 * the right words. Here the smallest but some, since JSON of ours would round that one down to one which is too small.
 */
const overflown = -(2 ** 63) + 1024;

/** A size; with `minusOne`, `-1` stands for any. */
export function bytesFlag(help: string, options: FlagOptions & { minusOne?: boolean } = {}): Flag<number> {
  const { minusOne = false, ...rest } = options;
  return flag.custom("bytes", help, 0, (text) => (minusOne && text === "-1" ? -1 : parseSize(text)), rest);
}

/** A number of processors, in billionths: `1.5` is 1500000000. */
export function cpusFlag(help: string, options: FlagOptions = {}): Flag<number> {
  return flag.custom(
    "decimal",
    help,
    0,
    (text) => {
      const fraction = /^([+-]?\d+)\/(\d+)$/.exec(text);
      const value = fraction ? Number(fraction[1]) / Number(fraction[2]) : Number(text);
      if (
        text.trim() === "" ||
        !/^[+-]?(?:0[xX][\da-fA-F]+|[\d./eE+-]+)$/.test(text) ||
        !Number.isFinite(value)
      ) {
        throw new Error(`failed to parse ${text} as a rational number`);
      }
      const nanos = value * 1e9;
      if (Math.abs(nanos - Math.round(nanos)) > 1e-6) throw new Error("value is too precise");
      return Math.round(nanos);
    },
    options,
  );
}

/** Keys and values: `key=value`, several times. */
export function mapFlag(
  help: string,
  options: FlagOptions & { check?: (text: string) => void } = {},
): Flag<ReadonlyMap<string, string>> {
  const { check, ...rest } = options;
  return flag.custom<ReadonlyMap<string, string>>(
    "map",
    help,
    new Map(),
    (text, before) => {
      check?.(text);
      return new Map([...before, keyValue(text)]);
    },
    { initialText: "map[]", ...rest },
  );
}
