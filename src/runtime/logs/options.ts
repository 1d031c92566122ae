import { parseBoolean } from "../../base/booleans.ts";
import { invalidArgument } from "../../base/errors.ts";
import { within } from "./rotation.ts";
import { parseSyslogOptions } from "./syslog-options.ts";
import { parseSize } from "./values.ts";

type Options = Readonly<Record<string, string>>;

const metadata = ["labels", "labels-regex", "env", "env-regex", "tag"];
const rotation = ["max-size", "max-file", "compress"];

/** What a driver takes beside what all take, and how it is called where it does not take something. */
const drivers: Readonly<
  Record<string, { options: readonly string[]; title: string; check?: (options: Options) => void }>
> = {
  "json-file": { options: [...metadata, ...rotation, "max-line-size"], title: "json-file log driver" },
  local: { options: [...metadata, ...rotation, "max-line-size"], title: "log driver local" },
  journald: { options: metadata, title: "journald log driver" },
  syslog: {
    options: [
      ...metadata,
      "syslog-address",
      "syslog-facility",
      "syslog-format",
      "syslog-tls-ca-cert",
      "syslog-tls-cert",
      "syslog-tls-key",
      "syslog-tls-skip-verify",
    ],
    title: "syslog log driver",
    check: parseSyslogOptions,
  },
};

/** The drivers that there are, as `docker info` lists them. */
export const logDrivers = ["journald", "json-file", "local", "none", "syslog"];

/** What a log that goes elsewhere keeps for `docker logs`. */
const cacheOptions = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
const commonOptions = new Set(["mode", "max-buffer-size", ...cacheOptions]);

/** Checks driver and options, as at `create`. Throws `invalidArgument`, in Docker's words. */
export function validateLogOptions(driver: string, options: Options): void {
  if (driver === "none") return;
  parseDelivery(options);
  const known = drivers[driver];
  if (!known) throw invalidArgument(`logger: no log driver named '${driver}' is registered`);
  cacheDisabled(options);
  for (const name of Object.keys(options)) {
    if (commonOptions.has(name) || known.options.includes(name)) continue;
    throw invalidArgument(`unknown log opt '${name}' for ${known.title}`);
  }
  known.check?.(options);
}

/** How much may wait for a driver that is slower than the container. */
export interface Delivery {
  /** What does not fit is dropped; otherwise the container has to wait. */
  nonBlocking: boolean;
  /** Bytes. */
  bufferSize: number;
}

const defaultBufferSize = 1_000_000;

/** `mode` and `max-buffer-size`. Throws `invalidArgument`, in Docker's words. */
export function parseDelivery(options: Options): Delivery {
  const { mode = "" } = options;
  if (!["", "blocking", "non-blocking"].includes(mode)) {
    throw invalidArgument(`logger: logging mode not supported: ${mode}`);
  }
  const nonBlocking = mode === "non-blocking";
  const size = options["max-buffer-size"];
  if (size === undefined) return { nonBlocking, bufferSize: defaultBufferSize };
  if (!nonBlocking) {
    throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  const bufferSize = within("error parsing option max-buffer-size", () => parseSize(size, 1024));
  return { nonBlocking, bufferSize };
}

/** Whether nothing is kept for `docker logs` of what goes elsewhere. Throws `invalidArgument`. */
export function cacheDisabled(options: Options): boolean {
  const value = options["cache-disabled"];
  if (value === undefined) return false;
  try {
    return parseBoolean(value);
  } catch (error) {
    throw invalidArgument(`invalid value for option cache-disabled: ${value}`, error);
  }
}

/** Whether `docker logs` can show what the driver was given. */
export function isReadable(driver: string, options: Options): boolean {
  if (driver === "none") return false;
  return isLocal(driver) || !cacheDisabled(options);
}

/** Whether the driver's own files are on this host, in the format that is read here. */
export function isLocal(driver: string): boolean {
  return driver === "json-file" || driver === "local";
}

const longestLine = 16 * 1024;

/** `max-line-size`: the longest line that is logged as one record; an option of our own. Throws `invalidArgument`. */
export function parseLineSize(options: Options): number {
  const text = options["max-line-size"];
  if (text === undefined) return longestLine;
  const size = within("invalid value for max-line-size", () => parseSize(text, 1024));
  if (size < 64 || size > 64 * 1024 * 1024)
    throw invalidArgument("max-line-size must be between 64b and 64m");
  return size;
}
