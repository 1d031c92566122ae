import { invalidArgument } from "../base/errors.ts";
import { signalNumber } from "../base/signals.ts";
import { formatGoDuration } from "../base/units.ts";
import type { Command, Instruction } from "../dockerfile/instruction.ts";
import type { Words } from "../dockerfile/variables.ts";
import type { HealthcheckConfig, ImageRunConfig } from "../oci/image-config.ts";

export const defaultShell: readonly string[] = ["/bin/sh", "-c"];

/** The words that run: those of the exec form, or the shell with the line. */
export function commandWords(command: Command, config: ImageRunConfig): string[] {
  return command.shell ? [...(config.Shell ?? defaultShell), command.line] : command.words;
}

/** What an instruction has made of the configuration. */
export interface Applied {
  config: ImageRunConfig;
  /** The line that `docker history` shows. */
  history?: string;
  /** Variables that the next instructions can use. */
  set?: readonly (readonly [name: string, value: string])[];
}

/**
 * What an instruction that only says how containers run makes of the configuration; `undefined` for those that change
 * files, and for `ARG` and `FROM`. `ENV` and `LABEL` write into what `config` has: see `ownConfig`. Throws
 * `invalidArgument`.
 */
export function applyToConfig(
  config: ImageRunConfig,
  instruction: Instruction,
  words: Words,
  /** Whether a `CMD` of the same stage came before. */
  hasCommand: boolean,
): Applied | undefined {
  switch (instruction.keyword) {
    case "CMD":
    case "ENTRYPOINT": {
      const command = commandWords(instruction.command, config);
      const history = `${instruction.keyword} ${goStrings(command)}`;
      if (instruction.keyword === "CMD")
        return { config: { ...config, Cmd: command, ArgsEscaped: true }, history };
      // The base image's command belongs to the base image's entry point.
      const { Cmd, ...rest } = config;
      return {
        config: { ...rest, ...(hasCommand && Cmd && { Cmd }), Entrypoint: command },
        history,
      };
    }
    case "ENV": {
      const pairs = instruction.pairs.map(({ key, value }) => [words.word(key), words.word(value)] as const);
      const history = `ENV ${pairs.map(assignment).join(" ")}`;
      return { config: { ...config, Env: withVariables(config.Env ?? [], pairs) }, history, set: pairs };
    }
    case "LABEL": {
      const pairs = instruction.pairs.map(({ key, value }) => [words.word(key), words.word(value)] as const);
      const labels = config.Labels ?? {};
      // An assignment would take `__proto__` for something else.
      for (const [key, value] of pairs) {
        Object.defineProperty(labels, key, { value, enumerable: true, configurable: true, writable: true });
      }
      return { config: { ...config, Labels: labels }, history: `LABEL ${pairs.map(assignment).join(" ")}` };
    }
    case "EXPOSE": {
      // In the order of what is written, which BuildKit sorts; ranges by number.
      const written = instruction.ports.flatMap((port) => words.words(port)).sort();
      const ports = written.flatMap(parsePorts);
      const exposed = { ...config.ExposedPorts, ...emptyObjects(ports) };
      return {
        config: { ...config, ExposedPorts: exposed },
        history: `EXPOSE [${ports.join(" ")}]`,
      };
    }
    case "VOLUME": {
      const volumes = instruction.volumes.map((volume) => words.word(volume));
      if (volumes.includes("")) throw invalidArgument("VOLUME specified can not be an empty string");
      return {
        config: { ...config, Volumes: { ...config.Volumes, ...emptyObjects(volumes) } },
        history: `VOLUME [${volumes.join(" ")}]`,
      };
    }
    case "USER": {
      const user = words.word(instruction.user);
      return { config: { ...config, User: user }, history: `USER ${user}` };
    }
    case "STOPSIGNAL": {
      const signal = words.word(instruction.signal);
      if (signalNumber(signal) === undefined) throw invalidArgument(`invalid signal: ${signal}`);
      return { config: { ...config, StopSignal: signal }, history: `STOPSIGNAL ${signal}` };
    }
    case "SHELL":
      return {
        config: { ...config, Shell: instruction.shell },
        history: `SHELL [${instruction.shell.join(" ")}]`,
      };
    case "HEALTHCHECK": {
      const { test, interval, timeout, startPeriod, startInterval, retries } = instruction.health;
      const health = {
        Test: test,
        ...(interval && { Interval: interval }),
        ...(timeout && { Timeout: timeout }),
        ...(startPeriod && { StartPeriod: startPeriod }),
        ...(startInterval && { StartInterval: startInterval }),
        ...(retries && { Retries: retries }),
      };
      return { config: { ...config, Healthcheck: health }, history: `HEALTHCHECK ${goHealth(health)}` };
    }
    case "ONBUILD":
      return {
        config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.trigger] },
      };
    default:
      return undefined;
  }
}

/**
 * A copy of a configuration that `ENV` and `LABEL` may write into: with ten thousand of them, to copy all for each
 * takes minutes.
 */
export function ownConfig(config: ImageRunConfig): ImageRunConfig {
  const { Env, Labels } = config;
  return { ...config, ...(Env && { Env: [...Env] }), ...(Labels && { Labels: { ...Labels } }) };
}

/** Where each name stands in an environment. */
const places = new WeakMap<readonly string[], Map<string, number>>();

function placesOf(env: readonly string[]): Map<string, number> {
  const known = places.get(env) ?? new Map(env.map((pair, index) => [pair.split("=", 1)[0] ?? "", index]));
  places.set(env, known);
  return known;
}

function withVariables(env: string[], pairs: readonly (readonly [string, string])[]): string[] {
  const known = placesOf(env);
  for (const [key, value] of pairs) {
    const place = known.get(key) ?? env.length;
    known.set(key, place);
    env[place] = assignment([key, value]);
  }
  return env;
}

const assignment = ([key, value]: readonly [string, string]) => `${key}=${value}`;

/** Go's `%q` of a list of strings. */
function goStrings(list: readonly string[]): string {
  return `[${list.map((item) => JSON.stringify(item)).join(" ")}]`;
}

/** Go's `%+q` of a health check, as Docker's history has it: the number of retries is shown as a character. */
function goHealth(health: HealthcheckConfig): string {
  const times = [health.Interval, health.Timeout, health.StartPeriod, health.StartInterval];
  const shown = times.map((time) => JSON.stringify(formatGoDuration(time ?? 0)));
  return `&{${goStrings(health.Test ?? [])} ${shown.join(" ")} ${goCharacter(health.Retries ?? 0)}}`;
}

const goEscapes: Readonly<Record<number, string>> = {
  7: "a",
  8: "b",
  9: "t",
  10: "n",
  11: "v",
  12: "f",
  13: "r",
  39: "'",
  92: "\\",
};

/** Go's `%+q` of a number. */
function goCharacter(code: number): string {
  const short = goEscapes[code];
  if (short !== undefined) return `'\\${short}'`;
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  if (code < 32 || code === 127) return `'\\x${hex(2)}'`;
  if (code < 127) return `'${String.fromCodePoint(code)}'`;
  return code < 0x10000 ? `'\\u${hex(4)}'` : `'\\U${hex(8)}'`;
}

function emptyObjects(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key): [string, Record<string, never>] => [key, {}]));
}

/**
 * `80`, `80/udp`, `8000-8010`, and what `run -p` takes (`[address:][port:]80`), of which the last part counts: the ports,
 * each with its protocol. Throws `invalidArgument`.
 */
function parsePorts(text: string): string[] {
  const ports = text.split(":").at(-1) ?? "";
  const slash = ports.indexOf("/");
  const [range, protocol] = slash < 0 ? [ports, ""] : [ports.slice(0, slash), ports.slice(slash + 1)];
  if (range === "")
    throw invalidArgument(`invalid port: ${JSON.stringify(text)}: no port specified: ${text}<empty>`);
  const proto = protocol.toLowerCase() || "tcp";
  if (!["tcp", "udp", "sctp"].includes(proto))
    throw invalidArgument(`invalid port: ${JSON.stringify(text)}: invalid proto: ${proto}`);
  const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from > to || to > 65535) throw invalidArgument(`invalid containerPort: ${range}`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${proto}`);
}
