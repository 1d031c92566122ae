export const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];
type Fields = Record<string, unknown>;

/** A logger that writes lines in the form that people know from dockerd: `time="…" level=info msg="…" key=value`. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** From now on, drop what is below `level`. */
  setLevel(level: LogLevel): void;
}

function value(raw: unknown): string {
  const text =
    raw instanceof Error ? raw.message : typeof raw === "object" ? JSON.stringify(raw) : String(raw);
  return /^[\w./:@^+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** One line, without its end. */
export function formatLogLine(time: Date, level: LogLevel, message: string, fields: Fields = {}): string {
  const rest = Object.entries(fields).map(([key, raw]) => ` ${key}=${value(raw)}`);
  return `time=${JSON.stringify(time.toISOString())} level=${level} msg=${JSON.stringify(message)}${rest.join("")}`;
}

/** Lines of at least `level` go to `write` (standard error where none is given). */
export function createLogger(
  level: LogLevel,
  write: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
): Logger {
  let least = logLevels.indexOf(level);
  const at = (name: LogLevel) => (message: string, fields?: Fields) => {
    if (logLevels.indexOf(name) >= least) write(formatLogLine(new Date(), name, message, fields));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (next) => {
      least = logLevels.indexOf(next);
    },
  };
}

/** A logger that drops everything. */
export const silentLogger: Logger = createLogger("fatal", () => {});
