import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { LogConfig, LogPosition } from "../supervisor/protocol.ts";
import { journaldEncoder, journaldTransport } from "./journald.ts";
import { JsonFileLog } from "./json-file.ts";
import type { LogDriver } from "./log-driver.ts";
import { cacheDisabled, parseDelivery, parseLineSize } from "./options.ts";
import { RemoteLog } from "./remote-log.ts";
import { parseLocalRotation, parseRotation, type Rotation, within } from "./rotation.ts";
import { syslogEncoder } from "./syslog.ts";
import { parseSyslogOptions, readSyslogTls } from "./syslog-options.ts";
import { syslogTransport } from "./syslog-transport.ts";

export interface LogOwner {
  clock: Clock;
  /** Output cannot be logged (a full disk, a syslog that has gone): it is lost then, the container goes on. */
  onFailure: (error: unknown) => void;
  onUnblocked: () => void;
  /** Where a log file ended when a writer that was killed wrote that down. */
  noted?: LogPosition;
}

/**
 * Opens a container's log; undefined for the driver `none`. Throws `invalidArgument`, in Docker's words, when its
 * options make no sense. Nothing is connected before `ready`.
 */
export function openLog(config: LogConfig, owner: LogOwner): LogDriver | undefined {
  const { driver, options } = config;
  switch (driver) {
    case "json-file":
      return fileLog(config, parseRotation(options), owner);
    case "local":
      return fileLog(config, parseLocalRotation(options), owner);
    case "journald":
      return new RemoteLog({
        ...remoteOptions(config, owner),
        transport: journaldTransport(),
        encode: journaldEncoder(config),
      });
    case "syslog": {
      const syslog = parseSyslogOptions(options);
      return new RemoteLog({
        ...remoteOptions(config, owner),
        transport: syslogTransport(syslog.address, () => readSyslogTls(options)),
        encode: syslogEncoder(syslog, config.tag ?? ""),
      });
    }
    default:
      return undefined;
  }
}

function fileLog(config: LogConfig, rotation: Rotation, owner: LogOwner): JsonFileLog {
  const { path, attributes, options } = config;
  mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
  return new JsonFileLog({
    path,
    rotation,
    ...(attributes ? { attributes } : {}),
    longestLine: parseLineSize(options),
    clock: owner.clock,
    onFailure: owner.onFailure,
    ...(owner.noted ? { noted: owner.noted } : {}),
  });
}

function remoteOptions(config: LogConfig, owner: LogOwner) {
  const { options } = config;
  const cached = !cacheDisabled(options);
  const cache = () => fileLog(config, parseLocalRotation(options, "cache-"), owner);
  return {
    ...owner,
    delivery: parseDelivery(options),
    cache: cached ? within("error initializing local log cache", cache) : undefined,
  };
}
