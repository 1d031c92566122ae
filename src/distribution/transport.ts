import { Limiter } from "../base/async.ts";
import { type Logger, silentLogger } from "../base/log.ts";
import { Registries, type RegistryOptions } from "./endpoints.ts";
import { HttpClient } from "./http.ts";

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

export interface TransportOptions extends RegistryOptions {
  userAgent: string;
  /** `--max-concurrent-downloads`, 3 where not given. */
  maxConcurrentDownloads?: number;
  /** `--max-concurrent-uploads`, 5 where not given. */
  maxConcurrentUploads?: number;
  /** `--max-download-attempts`, 5 where not given. */
  maxDownloadAttempts?: number;
  retryDelays?: readonly number[];
  stallTimeout?: number;
  answerTimeout?: number;
  log?: Logger;
}

/** Doubling from one second to half a minute. */
function backOff(attempts: number): number[] {
  return Array.from({ length: Math.max(0, attempts - 1) }, (_, index) => Math.min(30_000, 1000 * 2 ** index));
}

export function createTransport(options: TransportOptions): RegistryTransport {
  const { userAgent, answerTimeout } = options;
  return {
    http: new HttpClient(answerTimeout === undefined ? { userAgent } : { userAgent, answerTimeout }),
    registries: new Registries(options),
    downloads: new Limiter(options.maxConcurrentDownloads ?? 3),
    uploads: new Limiter(options.maxConcurrentUploads ?? 5),
    retryDelays: options.retryDelays ?? backOff(options.maxDownloadAttempts ?? 5),
    stallTimeout: options.stallTimeout ?? 60_000,
    log: options.log ?? silentLogger,
  };
}
