import { hostname } from "node:os";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { applySettings } from "../../engine/apply-settings.ts";
import type { Engine } from "../../engine/engine.ts";
import { type LoadedConfig, loadConfig } from "./config.ts";
import type { DaemonConfig, OptionName } from "./options.ts";
import { engineSettings, logLevelOf } from "./settings.ts";

/** The settings that a running daemon takes over; `live-restore` is among Docker's, and always holds here. */
const reloadable: readonly OptionName[] = [
  "debug",
  "logLevel",
  "labels",
  "liveRestore",
  "maxConcurrentDownloads",
  "maxConcurrentUploads",
  "maxDownloadAttempts",
  "insecureRegistries",
  "registryMirrors",
  "mirrors",
  "registryCertsDir",
  "keepLayerBlobs",
  "httpProxy",
  "httpsProxy",
  "noProxy",
  "defaultRuntime",
  "runtimes",
  "features",
  "shutdownTimeout",
];

/**
 * What SIGHUP asks for: reads the configuration again, and takes over what may change while the daemon runs. A
 * configuration that is not valid is told in the log, and changes nothing; settings that need a new start are named there.
 * Returns what holds from now on.
 */
export function reload(
  engine: Engine,
  current: DaemonConfig,
  argv: readonly string[],
  log: Logger,
): DaemonConfig {
  let loaded: LoadedConfig;
  let next: DaemonConfig;
  try {
    loaded = loadConfig(argv);
    next = merge(current, loaded.config);
    applySettings(engine, engineSettings(next));
  } catch (error) {
    log.error("Error reconfiguring the daemon", { error: messageOf(error) });
    return current;
  }
  const waiting = (Object.keys(current) as OptionName[]).filter(
    (name) => !Bun.deepEquals(next[name], loaded.config[name]),
  );
  if (waiting.length > 0) log.warn("settings that take effect at the next start", { settings: waiting });
  log.setLevel(logLevelOf(next));
  engine.events.emit("daemon", "reload", engine.id, reloadAttributes(next));
  log.info("Reloaded configuration");
  return next;
}

function merge(current: DaemonConfig, loaded: DaemonConfig): DaemonConfig {
  return { ...current, ...Object.fromEntries(reloadable.map((name) => [name, loaded[name]])) };
}

/** What the event of a reload tells, in Docker's form. */
function reloadAttributes(config: DaemonConfig): Record<string, string> {
  const runtimes = Object.entries(config.runtimes).map(
    ([name, { path = "", runtimeArgs = [] }]) => `${name}:{${path} [${(runtimeArgs ?? []).join(" ")}]}`,
  );
  const features = Object.entries(config.features).map(([name, value]) => `${name}:${String(value)}`);
  return {
    name: hostname(),
    debug: String(config.debug),
    labels: JSON.stringify(config.labels),
    "live-restore": "true",
    "default-ipc-mode": config.defaultIpcMode,
    "default-runtime": config.defaultRuntime,
    "default-shm-size": String(config.defaultShmSize),
    features: `map[${features.sort().join(" ")}]`,
    "insecure-registries": JSON.stringify(config.insecureRegistries),
    "max-concurrent-downloads": String(config.maxConcurrentDownloads),
    "max-concurrent-uploads": String(config.maxConcurrentUploads),
    "max-download-attempts": String(config.maxDownloadAttempts),
    mirrors: JSON.stringify(config.mirrors),
    "registry-mirrors": JSON.stringify(config.registryMirrors),
    runtimes: runtimes.sort().join(" "),
    "shutdown-timeout": String(config.shutdownTimeout),
  };
}
