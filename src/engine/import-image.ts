import { invalidArgument, messageOf } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import { applyChanges } from "./config-changes.ts";
import type { Engine } from "./engine.ts";

export interface ImportRequest {
  /** `-` for the request's body, or the URL of an archive. */
  source: string;
  body: AsyncIterable<Uint8Array>;
  reference: Reference | undefined;
  message: string;
  changes: readonly string[];
  platform: Platform | undefined;
  signal: AbortSignal;
}

/** `docker import`: returns the id of the new image. */
export async function importImage(engine: Engine, request: ImportRequest): Promise<Digest> {
  const config = applyChanges({}, request.changes);
  const content = request.source === "-" ? request.body : await download(request.source, request.signal);
  return engine.images.import(content, {
    reference: request.reference,
    platform: request.platform,
    message: request.message || `Imported from ${request.source}`,
    config,
    signal: request.signal,
  });
}

async function download(source: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const url = /^https?:\/\//.test(source) ? source : `http://${source}`;
  try {
    const response = await fetch(url, { signal });
    if (response.ok && response.body) return response.body;
    throw invalidArgument(`failed to download ${url}: ${response.status} ${response.statusText}`);
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}
