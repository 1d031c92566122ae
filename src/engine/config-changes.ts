import { invalidArgument } from "../base/errors.ts";
import type { ImageRunConfig } from "../oci/image-config.ts";
import { parseHealthcheck } from "./health-instruction.ts";

type Apply = (config: ImageRunConfig, rest: string) => ImageRunConfig;

/** Instructions of a Dockerfile that only change the configuration: what `--change` takes. */
const instructions: Record<string, Apply> = {
  CMD: (config, rest) => ({ ...config, Cmd: command(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: command(rest) }),
  ENV: (config, rest) => ({
    ...config,
    Env: Object.entries(pairs(rest)).reduce(setVariable, config.Env ?? []),
  }),
  EXPOSE: (config, rest) => ({
    ...config,
    ExposedPorts: { ...config.ExposedPorts, ...keys(rest.split(/\s+/).map(port)) },
  }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: parseHealthcheck(rest, jsonList) }),
  LABEL: (config, rest) => ({ ...config, Labels: { ...config.Labels, ...pairs(rest) } }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), rest] }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: rest }),
  USER: (config, rest) => ({ ...config, User: rest }),
  VOLUME: (config, rest) => ({ ...config, Volumes: { ...config.Volumes, ...keys(words(rest)) } }),
  WORKDIR: (config, rest) => ({ ...config, WorkingDir: rest }),
};

/** `config` with the instructions applied, one after another. Throws `invalidArgument` with Docker's words. */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  return changes
    .map((change) => change.trim())
    .filter((change) => change !== "")
    .reduce((before, change) => {
      const [, name = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(change) ?? [];
      const apply = instructions[name.toUpperCase()];
      if (!apply) throw invalidArgument(`${name.toLowerCase()} is not a valid change command`);
      if (rest === "") throw invalidArgument(`${name.toUpperCase()} requires at least one argument`);
      return apply(before, rest);
    }, config);
}

/** The exec form (`["a","b"]`), or the shell form. */
function command(rest: string): string[] {
  return jsonList(rest) ?? ["/bin/sh", "-c", rest];
}

function words(rest: string): string[] {
  return jsonList(rest) ?? rest.split(/\s+/);
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string") ? parsed : undefined;
  } catch {
    // Not JSON: Docker takes it as the shell form.
    return undefined;
  }
}

const keys = (names: readonly string[]) =>
  Object.fromEntries(names.map((name): [string, Record<string, never>] => [name, {}]));
const port = (text: string) => (text.includes("/") ? text : `${text}/tcp`);

function setVariable(env: readonly string[], [name, value]: [string, string]): string[] {
  return [...env.filter((entry) => !entry.startsWith(`${name}=`)), `${name}=${value}`];
}

/** `a=1 b="two words"`, or the old form `a two words`. */
function pairs(rest: string): Record<string, string> {
  if (!/^[^\s=]+=/.test(rest)) {
    const [, name = "", value = ""] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
    if (name === "")
      throw invalidArgument(`can't find = in ${JSON.stringify(rest)}. Must be of the form: name=value`);
    return { [name]: value };
  }
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of rest.matchAll(
    /([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)/g,
  )) {
    found[name] = value.replace(/^(["'])([\s\S]*)\1$/, "$2").replace(/\\(.)/g, "$1");
  }
  return found;
}
