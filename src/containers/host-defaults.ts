import type { HostConfig } from "../api/containers.ts";
import { validateLogOptions } from "../runtime/logs/options.ts";
import type { ContainerSettings } from "./deps.ts";

/** What the daemon decides where the client does not, as `docker inspect` shows it. Throws `invalidArgument`. */
export function withHostDefaults(settings: ContainerSettings, asked: HostConfig): HostConfig {
  const mode = asked.NetworkMode ?? "";
  return {
    ...asked,
    NetworkMode: mode === "" || mode === "default" ? "bridge" : mode,
    IpcMode: asked.IpcMode || settings.defaultIpc,
    CgroupnsMode: asked.CgroupnsMode || settings.defaultCgroupns,
    ...(asked.Init === undefined || asked.Init === null ? { Init: settings.init || null } : {}),
    ShmSize: asked.ShmSize || settings.shmSize,
    Runtime: asked.Runtime || settings.defaultRuntime,
    RestartPolicy: {
      Name: asked.RestartPolicy?.Name || "no",
      MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    LogConfig: logConfig(settings, asked),
    // No limit, however it is written.
    PidsLimit: (asked.PidsLimit ?? 0) > 0 ? (asked.PidsLimit ?? null) : null,
    MemorySwappiness: asked.MemorySwappiness === -1 ? null : (asked.MemorySwappiness ?? null),
    ConsoleSize: asked.ConsoleSize?.length === 2 ? asked.ConsoleSize : [0, 0],
  };
}

function logConfig(settings: ContainerSettings, asked: HostConfig): NonNullable<HostConfig["LogConfig"]> {
  const type = asked.LogConfig?.Type || settings.logDriver;
  const inherited = type === settings.logDriver ? settings.logOptions : {};
  const config = { ...inherited, ...asked.LogConfig?.Config };
  validateLogOptions(type, config);
  return { Type: type, Config: config };
}
