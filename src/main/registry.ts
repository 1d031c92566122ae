import { readFileSync } from "node:fs";
import type { ImageSink } from "../../images/seed.ts";
import { buildCommit, buildVersion } from "../base/build.ts";
import { invalidArgument, isEngineError, messageOf } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/log.ts";
import { AccessLogFile } from "../registry/access-log.ts";
import type { Config } from "../registry/config/config.ts";
import type { Certificate } from "../registry/listener.ts";
import { manage } from "../registry/manage.ts";
import { Notifier } from "../registry/notifications.ts";
import {
  type ManageOptions,
  parseRegistryOptions,
  registryHelp,
  type SeedOptions,
  type ServeOptions,
} from "../registry/options.ts";
import type { Registry } from "../registry/registry.ts";
import type { Gone } from "../registry/retention.ts";
import { type RegistryServer, serveRegistry } from "../registry/server.ts";
import { RegistryStore } from "../registry/store.ts";

/** `docker-registry`: resolves with the exit code, 2 for arguments that make no sense. */
export async function main(argv: string[]): Promise<number> {
  try {
    const options = parseRegistryOptions(argv, process.env);
    if (options.command === "serve") return await serve(options);
    if (options.command === "seed") return await seed(options);
    if ("config" in options) return await runManage(options);
    process.stdout.write(options.command === "help" ? registryHelp : version());
    return 0;
  } catch (error) {
    const usage = isEngineError(error, "invalidArgument");
    const hint = usage ? "\nSee 'docker-registry --help'." : "";
    process.stderr.write(`docker-registry: ${messageOf(error)}${hint}\n`);
    return usage ? 2 : 1;
  }
}

function version(): string {
  return `Longshore registry version ${buildVersion}, build ${buildCommit}\n`;
}

/** Serves until SIGTERM or SIGINT. */
async function serve({ host, port, config }: ServeOptions): Promise<number> {
  const log = createLogger(config.logLevel);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  for (const warning of config.warnings) log.warn(warning);
  const tls = config.tls && readCertificate(config.tls);
  await using store = await RegistryStore.open(config.store);
  const accessLog = config.accessLog === undefined ? undefined : new AccessLogFile(config.accessLog, log);
  const server = await serveRegistry(store, {
    host,
    port,
    log,
    tls,
    ...(accessLog && { accessLog: accessLog.tell }),
    options: config.registry,
  });
  const cleaning = startCleaning(server.registry, config.collectMillis);
  process.on("SIGHUP", () => {
    accessLog?.reopen();
    void reload(server, config, log);
  });
  log.info(`listening on ${server.url}`, { auth: config.registry.auth.kind });
  log.info("stopping", { signal: await stopped });
  clearInterval(cleaning);
  await server.stop();
  return 0;
}

/** Takes a renewed certificate; one that cannot be used is told, and the old one stays. */
async function reload(server: RegistryServer, { tls }: Config, log: Logger): Promise<void> {
  try {
    if (tls) await server.renew(readCertificate(tls));
    log.info("reloaded", { certificate: tls?.certificate });
  } catch (error) {
    log.error("the certificate is not renewed", { error: messageOf(error) });
  }
}

function readCertificate({ certificate, key }: { certificate: string; key: string }): Certificate {
  return { cert: readPem(certificate), key: readPem(key) };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}

/** Frees what nobody needs, now and from time to time. */
function startCleaning(registry: Registry, collectMillis: number): Timer | undefined {
  const { store, notifier, options, log } = registry;
  const gone: Gone = (target) => notifier.notifyDeleted(target, options.externalUrl ?? "");
  const clean = async () => {
    try {
      const uploads = await store.removeAbandoned();
      const collected = await store.collect({ gone });
      log.info("collected", { uploads, ...collected });
    } catch (error) {
      log.error("cleaning failed", { error: messageOf(error) });
    }
  };
  if (collectMillis === 0) return undefined;
  void clean();
  return setInterval(() => void clean(), collectMillis);
}

async function runManage(options: ManageOptions): Promise<number> {
  await using store = await RegistryStore.open(options.config.store);
  const { endpoints } = options.config.registry;
  const notifier = new Notifier(endpoints, store.database, store.clock, createLogger("error"));
  await manage(options, { store, notifier }, (line) => void process.stdout.write(`${line}\n`));
  await notifier.stop();
  return 0;
}

async function seed({ target, busybox }: SeedOptions): Promise<number> {
  // Loaded only here: the server does not need them.
  const { builtInImages, seedImages } = await import("../../images/seed.ts");
  const { pushTo } = await import("../../images/push.ts");
  const images = await builtInImages({ busybox });
  const tell = (line: string) => void process.stdout.write(`${line}\n`);
  if ("url" in target) {
    await seedImages(images, pushTo(target.url), tell);
    return 0;
  }
  await using store = await RegistryStore.open(target.root);
  await seedImages(images, folderSink(store), tell);
  return 0;
}

function folderSink(store: RegistryStore): ImageSink {
  return {
    putBlob: (name, { digest, bytes }) => store.putBlob(name, digest, bytes),
    putManifest: async (name, reference, { bytes, mediaType }) => {
      await store.manifests.put(name, reference, bytes, mediaType);
    },
  };
}
