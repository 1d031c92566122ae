import type { ContainerConfig, HealthConfig } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import type { ImageRunConfig } from "../oci/image-config.ts";

/** `image` fills what `asked` leaves open. Throws `invalidArgument` when there is nothing to run. */
export function mergeConfig(asked: ContainerConfig, image: ImageRunConfig = {}): ContainerConfig {
  const command = mergeCommand(asked, image);
  if (command.Entrypoint.length === 0 && command.Cmd.length === 0) {
    throw invalidArgument("no command specified");
  }
  return {
    ...asked,
    Entrypoint: someOf(command.Entrypoint),
    Cmd: someOf(command.Cmd),
    User: asked.User || image.User || "",
    ExposedPorts: { ...image.ExposedPorts, ...asked.ExposedPorts },
    Env: mergeEnv(asked.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...asked.Labels },
    Volumes: someOf({ ...image.Volumes, ...asked.Volumes }),
    WorkingDir: asked.WorkingDir || image.WorkingDir || "",
    StopSignal: asked.StopSignal || image.StopSignal || "",
    StopTimeout: asked.StopTimeout ?? image.StopTimeout ?? null,
    Healthcheck: mergeHealth(asked.Healthcheck, image.Healthcheck),
    Shell: asked.Shell?.length ? asked.Shell : image.Shell,
  };
}

/** Nothing, rather than an empty list or map. */
function someOf<T extends object>(value: T): T | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}

/** An entry point that was asked for silences the image's command; `[""]` asks for none at all. */
function mergeCommand(
  asked: ContainerConfig,
  image: ImageRunConfig,
): { Entrypoint: string[]; Cmd: string[] } {
  const askedEntrypoint = asked.Entrypoint ?? [];
  const askedCmd = asked.Cmd ?? [];
  if (askedEntrypoint.length === 1 && askedEntrypoint[0] === "") return { Entrypoint: [], Cmd: askedCmd };
  if (askedEntrypoint.length > 0) return { Entrypoint: askedEntrypoint, Cmd: askedCmd };
  return {
    Entrypoint: image.Entrypoint ?? [],
    Cmd: askedCmd.length > 0 ? askedCmd : (image.Cmd ?? []),
  };
}

const keyOf = (entry: string) => entry.split("=", 1)[0];

function mergeEnv(asked: readonly string[], image: readonly string[]): string[] {
  const keys = new Set(asked.map(keyOf));
  return [...asked, ...image.filter((entry) => !keys.has(keyOf(entry)))];
}

function mergeHealth(asked?: HealthConfig, image?: HealthConfig): HealthConfig | undefined {
  if (!asked || !image) return asked ?? image;
  return {
    Test: asked.Test?.length ? asked.Test : image.Test,
    Interval: asked.Interval || image.Interval,
    Timeout: asked.Timeout || image.Timeout,
    StartPeriod: asked.StartPeriod || image.StartPeriod,
    StartInterval: asked.StartInterval || image.StartInterval,
    Retries: asked.Retries || image.Retries,
  };
}
