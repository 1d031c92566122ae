import type { ContainerConfig, HostConfig } from "../api/containers.ts";
import { invalidArgument } from "../base/errors.ts";
import { signalNumber } from "../base/signals.ts";
import { parseHealthAction, validateHealthConfig } from "./health.ts";

/** What can be said without looking at the host. Throws `invalidArgument`. */
export function checkConfig(config: ContainerConfig, host: HostConfig, runtimes: readonly string[]): void {
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalidArgument(
      `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
    );
  }
  if (config.StopSignal && signalNumber(config.StopSignal) === undefined) {
    throw invalidArgument(`Invalid signal: ${config.StopSignal}`);
  }
  for (const entry of config.Env ?? []) {
    if (entry === "" || entry.startsWith("="))
      throw invalidArgument(`invalid environment variable: ${entry}`);
  }
  validateHealthConfig(config.Healthcheck);
  parseHealthAction(host.HealthOnFailure);
  checkRestartPolicy(host);
  if ((host.ShmSize ?? 0) < 0) throw invalidArgument("SHM size can not be less than 0");
  if (host.Runtime && !runtimes.includes(host.Runtime)) {
    throw invalidArgument(`unknown or invalid runtime name: ${host.Runtime}`);
  }
  if (host.Isolation && host.Isolation !== "default") {
    throw invalidArgument(
      `Invalid isolation: ${JSON.stringify(host.Isolation)} - linux only supports 'default'`,
    );
  }
  checkNetworkMode(config, host);
}

export function checkRestartPolicy(host: HostConfig): void {
  const { Name: name = "", MaximumRetryCount: retries = 0 } = host.RestartPolicy ?? {};
  if (!["", "no", "always", "on-failure", "unless-stopped"].includes(name)) {
    throw invalidArgument(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (retries !== 0 && name !== "on-failure") {
    const hint = retries < 0 ? " and cannot be negative" : "";
    throw invalidArgument(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${hint}`,
    );
  }
  if (retries < 0) throw invalidArgument("invalid restart policy: maximum retry count cannot be negative");
  if (host.AutoRemove && name !== "" && name !== "no") {
    throw invalidArgument("can't create 'AutoRemove' container with restart policy");
  }
}

function checkNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? "";
  const borrowed = mode.startsWith("container:");
  if (borrowed && mode === "container:") {
    throw invalidArgument("invalid network mode: invalid container format container:<name|id>");
  }
  if (borrowed && config.Hostname) {
    throw invalidArgument("conflicting options: hostname and the network mode");
  }
  const links = (kind: string) =>
    invalidArgument(
      `conflicting options: ${kind} can't be used with links. This would result in undefined behavior`,
    );
  const hasLinks = (host.Links?.length ?? 0) > 0;
  if (borrowed && hasLinks) throw links("container type network");
  if (borrowed && host.Dns?.length) throw invalidArgument("conflicting options: dns and the network mode");
  if (borrowed && host.ExtraHosts?.length) {
    throw invalidArgument("conflicting options: custom host-to-IP mapping and the network mode");
  }
  if ((borrowed || mode === "host") && config.MacAddress) {
    throw invalidArgument("conflicting options: mac-address and the network mode");
  }
  if (mode === "host" && hasLinks) throw links("host type networking");
  if (borrowed && (host.PublishAllPorts || Object.keys(host.PortBindings ?? {}).length > 0)) {
    throw invalidArgument("conflicting options: port publishing and the container type network mode");
  }
  if (borrowed && Object.keys(config.ExposedPorts ?? {}).length > 0) {
    throw invalidArgument("conflicting options: port exposing and the container type network mode");
  }
}
