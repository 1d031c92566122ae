import { invalidArgument } from "../../base/errors.ts";

/** Values of log options, with the errors of Go's functions that Docker reads them with. */

/** Bytes from `10m` or `1.5GB`, powers of `base`, as Docker's units read them. Throws `invalidArgument`. */
export function parseSize(text: string, base: 1000 | 1024): number {
  const match = /^(.*[0-9.]) ?([^0-9. ]*)$/s.exec(text);
  if (!match) throw invalidArgument(`invalid size: '${text}'`);
  const [, number = "", suffix = ""] = match;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(number)) {
    throw invalidArgument(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  if (number.startsWith("-")) throw invalidArgument(`invalid size: '${text}'`);
  const unit = suffix.toLowerCase();
  if (!/^(?:b|[kmgtp](?:i?b)?)?$/.test(unit)) throw invalidArgument(`invalid suffix: '${unit}'`);
  const power = "bkmgtp".indexOf(unit[0] ?? "b");
  return Math.trunc(Number(number) * base ** power);
}

/** Throws `invalidArgument`, as strconv.Atoi says it. */
export function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
