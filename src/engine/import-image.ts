import { EngineError, type ErrorCode, invalidArgument } from "../base/errors.ts";
import { networkError, redactUrl } from "../distribution/network-error.ts";
import { layerProgress, ProgressMeter, type ProgressSink } from "../distribution/progress.ts";
import { readBounded } from "../distribution/registry-error.ts";
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
  onMessage: ProgressSink;
}

/** `docker import`: returns the id of the new image. */
export async function importImage(engine: Engine, request: ImportRequest): Promise<Digest> {
  const config = applyChanges({}, request.changes);
  const content = request.source === "-" ? request.body : await download(request);
  return engine.images.import(content, {
    reference: request.reference,
    platform: request.platform,
    message: request.message || `Imported from ${request.source}`,
    config,
    signal: request.signal,
  });
}

const maxAnswer = 64 * 1024;

/** What a server says that does not give the archive; whatever it says beside is an error of the daemon's. */
const codes: Readonly<Record<number, ErrorCode>> = {
  400: "invalidArgument",
  401: "unauthorized",
  403: "forbidden",
  404: "notFound",
};

async function download({ source, signal, onMessage }: ImportRequest): Promise<AsyncIterable<Uint8Array>> {
  const address = /^https?:\/\//.test(source) ? source : `http://${source}`;
  if (!URL.canParse(address)) throw invalidArgument(`parse ${JSON.stringify(source)}: invalid URL`);
  const url = new URL(address);
  const response = await fetch(url, { signal }).catch(async (error: unknown) => {
    throw await networkError("GET", url, error);
  });
  const asked = `${redactUrl(url)} with status ${response.status} ${response.statusText}`;
  if (!response.ok) {
    const answer = Buffer.from(await readBounded(response, maxAnswer))
      .toString()
      .trim();
    throw new EngineError(codes[response.status] ?? "internal", `failed to GET ${asked}: ${answer}`);
  }
  if (!response.body) throw invalidArgument(`failed to GET ${asked}: nothing came`);
  onMessage({ status: `Downloading from ${redactUrl(url)}` });
  return metered(response.body, Number(response.headers.get("content-length") ?? 0), onMessage);
}

/** `total` bytes; 0 when the server does not say. */
async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  total: number,
  onMessage: ProgressSink,
): AsyncGenerator<Uint8Array> {
  const meter = new ProgressMeter(total || Number.POSITIVE_INFINITY, (current) => {
    const { id: _, ...message } = layerProgress("", "Importing", current, total);
    onMessage(message);
  });
  let current = 0;
  for await (const chunk of chunks) {
    yield chunk;
    current += chunk.length;
    meter.update(current);
  }
}
