import { existsSync } from "node:fs";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import { validateLogOptions } from "../../runtime/logs/options.ts";
import { within } from "../../runtime/logs/rotation.ts";
import type { LoadedConfig } from "./config.ts";
import { isStockRuntime } from "./values.ts";

/**
 * Throws `invalidArgument` or `notImplemented` for settings that do not go together, or that would be ignored at a
 * risk.
 */
export function checkConfig({ config, given }: LoadedConfig): void {
  if (
    config.defaultRuntime !== "" &&
    !isStockRuntime(config.defaultRuntime) &&
    !(config.defaultRuntime in config.runtimes)
  ) {
    throw invalidArgument(`specified default runtime '${config.defaultRuntime}' does not exist`);
  }
  if (given.has("bridge") && given.has("bip") && config.bridge !== "" && config.bip !== "") {
    throw invalidArgument("You specified -b & --bip, mutually exclusive options. Please specify only one");
  }
  for (const [name, value] of [
    ["max concurrent downloads", config.maxConcurrentDownloads],
    ["max concurrent uploads", config.maxConcurrentUploads],
    ["max download attempts", config.maxDownloadAttempts],
  ] as const) {
    if (value < 0) throw invalidArgument(`invalid ${name}: ${value}`);
  }
  if (config.mtu < 0) throw invalidArgument(`invalid default MTU: ${config.mtu}`);
  if (!["private", "shareable"].includes(config.defaultIpcMode)) {
    throw invalidArgument(`IPC "${config.defaultIpcMode}" is not supported`);
  }
  if (!["", "private", "host"].includes(config.defaultCgroupnsMode)) {
    throw invalidArgument(`invalid default cgroup namespace (${config.defaultCgroupnsMode})`);
  }
  if (!["", "overlay2", "overlayfs"].includes(config.storageDriver)) {
    throw invalidArgument(`storage driver ${config.storageDriver} is not supported: use overlay2`);
  }
  within("failed to set log opts", () => validateLogOptions(config.logDriver, config.logOpts));
  refuse(config);
}

/** What promises a protection that is not there must not be accepted in silence. */
function refuse(config: LoadedConfig["config"]): void {
  if (config.authorizationPlugins.length > 0) throw notImplemented("authorization plugins are not supported");
  // Where the host has none there is nothing to enable, as Docker finds, too.
  if (config.selinuxEnabled && existsSync("/sys/fs/selinux/enforce"))
    throw notImplemented("SELinux is not supported");
  if (config.rootless) throw notImplemented("rootless mode is not supported");
}
