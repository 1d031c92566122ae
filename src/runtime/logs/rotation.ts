import { parseBoolean } from "../../base/booleans.ts";
import { EngineError, invalidArgument, isEngineError, messageOf } from "../../base/errors.ts";
import { parseInteger, parseSize } from "./values.ts";

/** How a log is kept from growing without end. */
export interface Rotation {
  /** Bytes after which a new file is begun; undefined: never. */
  maxSize: number | undefined;
  /** How many files there may be, the current one included. */
  maxFile: number;
  /** Whether files that are not the current one are compressed (gzip). */
  compress: boolean;
}

type Options = Readonly<Record<string, string>>;

// A container that never had its log limited has filled many disks: there is a limit where Docker has none.
const defaultMaxSize = 20_000_000;
const defaultMaxFile = 5;

/** `max-size`, `max-file` and `compress` of json-file. Throws `invalidArgument`, in Docker's words. */
export function parseRotation(options: Options): Rotation {
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
  const bytes = parseSize(text, 1000);
  if (bytes <= 0) throw invalidArgument("max-size must be a positive number");
  return bytes;
}

/**
 * The same options of `local`, whose files are compressed by default; with the prefix `cache-`, those of what is kept of
 * a log that goes elsewhere. Throws `invalidArgument`, in Docker's words.
 */
export function parseLocalRotation(options: Options, prefix: "" | "cache-" = ""): Rotation {
  const value = (name: string) => options[`${prefix}${name}`];
  const maxSize = said("invalid value for max-size", value("max-size"), (text) => parseSize(text, 1000));
  const maxFile = said("invalid value for max-file", value("max-file"), parseInteger) ?? defaultMaxFile;
  const compress = value("compress");
  const wanted =
    compress === undefined ? true : within("error reading compress log option", () => parseBoolean(compress));
  if (maxSize !== undefined && maxSize <= 0) throw invalidArgument("max size should be a positive number");
  if (wanted && maxFile <= 1) {
    throw invalidArgument("compression cannot be enabled when max file count is 1");
  }
  return { maxSize: maxSize ?? defaultMaxSize, maxFile: Math.max(1, maxFile), compress: wanted };
}

function said<T>(what: string, text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : within(`${what}: ${text}`, () => parse(text));
}

/** What fails says first what it was about. */
export function within<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = isEngineError(error) ? error.code : "internal";
    throw new EngineError(code, `${what}: ${messageOf(error)}`, { cause: error });
  }
}
