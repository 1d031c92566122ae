import { Limiter } from "../base/async.ts";
import { type Logger, silentLogger } from "../base/log.ts";
import { Registries, type RegistryOptions } from "./endpoints.ts";
import { HttpClient } from "./http.ts";
import { type ProxySettings, proxiesOfEnvironment } from "./proxies.ts";

/** What all pulls and pushes of a daemon share. */
export interface RegistryTransport {
  http: HttpClient;
  registries: Registries;
  /** How many blobs are fetched at a time, over all pulls. */
  downloads: Limiter;
  /** How many blobs are sent at a time, over all pushes. */
  uploads: Limiter;
  /** How long to wait after each failed attempt of a blob, in milliseconds; after the last of them it has failed. */
  retryDelays: readonly number[];
  /** A body that does not move for so long, in milliseconds, counts as cut off. */
  stallTimeout: number;
  log: Logger;
}

/** What a daemon may change while it runs. */
export interface TransferOptions extends RegistryOptions {
  /** What the environment says where not given. */
  proxies?: ProxySettings;
  /** `--max-concurrent-downloads`, 3 where not given or 0. */
  maxConcurrentDownloads?: number;
  /** `--max-concurrent-uploads`, 5 where not given or 0. */
  maxConcurrentUploads?: number;
  /** `--max-download-attempts`, 5 where not given. */
  maxDownloadAttempts?: number;
  retryDelays?: readonly number[];
}

export interface TransportOptions extends TransferOptions {
  userAgent: string;
  stallTimeout?: number;
  answerTimeout?: number;
  log?: Logger;
}

/** Doubling from one second to half a minute. */
function backOff(attempts: number): number[] {
  return Array.from({ length: Math.max(0, attempts - 1) }, (_, index) => Math.min(30_000, 1000 * 2 ** index));
}

const downloadsAtOnce = ({ maxConcurrentDownloads }: TransferOptions) => maxConcurrentDownloads || 3;
const uploadsAtOnce = ({ maxConcurrentUploads }: TransferOptions) => maxConcurrentUploads || 5;
const retryDelays = (options: TransferOptions) =>
  options.retryDelays ?? backOff(options.maxDownloadAttempts || 5);

export function createTransport(options: TransportOptions): RegistryTransport {
  const { userAgent, answerTimeout, proxies } = options;
  return {
    http: new HttpClient({
      userAgent,
      ...(answerTimeout !== undefined && { answerTimeout }),
      ...(proxies && { proxies }),
    }),
    registries: new Registries(options),
    downloads: new Limiter(downloadsAtOnce(options)),
    uploads: new Limiter(uploadsAtOnce(options)),
    retryDelays: retryDelays(options),
    stallTimeout: options.stallTimeout ?? 60_000,
    log: options.log ?? silentLogger,
  };
}

/**
 * Changes what a daemon may change while it runs; pulls and pushes that are under way keep the endpoints that they
 * have. Throws `invalidArgument`, and changes nothing, when the options are not valid.
 */
export function configureTransport(transport: RegistryTransport, options: TransferOptions): void {
  const proxies = options.proxies ?? proxiesOfEnvironment(process.env);
  transport.http.useProxies(proxies);
  transport.registries.configure(options);
  transport.downloads.limit = downloadsAtOnce(options);
  transport.uploads.limit = uploadsAtOnce(options);
  transport.retryDelays = retryDelays(options);
}
