import { invalidArgument } from "../../base/errors.ts";

/** How a json-file log is kept from growing without end. */
export interface Rotation {
  /** Bytes after which a new file is begun; undefined: never. */
  maxSize: number | undefined;
  /** How many files there may be, the current one included. */
  maxFile: number;
  /** Whether files that are not the current one are compressed (gzip). */
  compress: boolean;
}

// A container that never had its log limited has filled many disks: there is a limit where Docker has none.
const defaultMaxSize = 20_000_000;
const defaultMaxFile = 5;

const jsonFileOptions = new Set([
  "max-size",
  "max-file",
  "compress",
  "labels",
  "labels-regex",
  "env",
  "env-regex",
  "tag",
]);

/** Checks driver and option names, as at `create`. Throws `invalidArgument`, in Docker's words. */
export function validateLogOptions(driver: string, options: Readonly<Record<string, string>>): void {
  if (driver === "none") return;
  if (driver !== "json-file") throw invalidArgument(`logger: no log driver named '${driver}' is registered`);
  for (const name of Object.keys(options)) {
    if (!jsonFileOptions.has(name)) {
      throw invalidArgument(`unknown log opt '${name}' for json-file log driver`);
    }
  }
}

/** The values of json-file's options, as at `start`. Throws `invalidArgument`, in Docker's words. */
export function parseRotation(options: Readonly<Record<string, string>>): Rotation {
  const size = options["max-size"];
  const files = options["max-file"];
  const maxSize = size === undefined ? defaultMaxSize : parseMaxSize(size);
  // With a size of the user's own, the number of files is Docker's: one.
  const maxFile = files === undefined ? (size === undefined ? defaultMaxFile : 1) : parseInteger(files);
  if (maxFile < 1) throw invalidArgument("max-file cannot be less than 1");
  const compress = options.compress !== undefined && parseBoolean(options.compress);
  if (compress && (maxFile === 1 || maxSize === undefined)) {
    throw invalidArgument("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return { maxSize, maxFile, compress };
}

function parseMaxSize(text: string): number | undefined {
  // Docker's documentation names -1 as "unlimited".
  if (text === "-1") return undefined;
  const bytes = parseDecimalSize(text);
  if (bytes <= 0) throw invalidArgument("max-size must be a positive number");
  return bytes;
}

/** Bytes from `10m` or `1.5GB`, powers of 1000, with the errors of Docker's units. */
function parseDecimalSize(text: string): number {
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
  return Math.trunc(Number(number) * 1000 ** power);
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function parseBoolean(text: string): boolean {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw invalidArgument(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}
