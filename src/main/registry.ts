import type { ImageSink } from "../../images/seed.ts";
import { buildCommit, buildVersion } from "../base/build.ts";
import { isEngineError, messageOf } from "../base/errors.ts";
import { createLogger } from "../base/log.ts";
import {
  parseRegistryOptions,
  registryHelp,
  type SeedOptions,
  type ServeOptions,
} from "../registry/options.ts";
import { serveRegistry } from "../registry/server.ts";
import { RegistryStore } from "../registry/store.ts";

const cleaningMillis = 3600_000;

/** `docker-registry`: resolves with the exit code, 2 for arguments that make no sense. */
export async function main(argv: string[]): Promise<number> {
  try {
    const options = parseRegistryOptions(argv);
    if (options.command === "serve") return await serve(options);
    if (options.command === "seed") return await seed(options);
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
async function serve({ host, port, root, logLevel }: ServeOptions): Promise<number> {
  const log = createLogger(logLevel);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  await using store = await RegistryStore.open(root);
  const clean = () =>
    store.removeAbandoned().catch((error) => log.error("cleaning failed", { error: messageOf(error) }));
  await clean();
  const server = await serveRegistry(store, { host, port, log });
  const cleaning = setInterval(clean, cleaningMillis);
  log.info(`listening on ${server.url}`, { root });
  log.info("stopping", { signal: await stopped });
  clearInterval(cleaning);
  await server.stop();
  return 0;
}

async function seed({ target, busybox }: SeedOptions): Promise<number> {
  // Loaded only here: the server does not need them.
  const { builtInImages, seedImages } = await import("../../images/seed.ts");
  const { pushTo } = await import("../../images/push.ts");
  const images = await builtInImages({ busybox });
  const sink = "url" in target ? pushTo(target.url) : await folderSink(target.root);
  await seedImages(images, sink, (line) => void process.stdout.write(`${line}\n`));
  return 0;
}

async function folderSink(root: string): Promise<ImageSink> {
  const store = await RegistryStore.open(root);
  return {
    putBlob: (name, { digest, bytes }) => store.putBlob(name, digest, bytes),
    putManifest: async (name, reference, { bytes, mediaType }) => {
      await store.manifests.put(name, reference, bytes, mediaType);
    },
  };
}
