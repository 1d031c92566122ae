import { isEngineError, messageOf, unavailable } from "../base/errors.ts";
import type { BlobStore } from "../images/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import { downloadBlob } from "./download-blob.ts";
import { RegistryError } from "./registry-error.ts";
import { Repository } from "./repository.ts";
import type { RegistryTransport } from "./transport.ts";

export interface BringBackContext {
  transport: RegistryTransport;
  blobs: BlobStore;
  signal: AbortSignal;
  /** For registries at `domain`; others are asked without. */
  credentials?: { domain: string; credentials: Credentials };
}

/**
 * Fetches a blob that was dropped from where it can be had; returns at once when it is not one. A lease of the caller
 * has to keep it. Throws `unavailable` when no repository gives it any more.
 */
export async function bringBack(context: BringBackContext, digest: Digest): Promise<void> {
  const { transport, blobs, signal } = context;
  const dropped = blobs.dropped(digest);
  if (dropped === undefined) return;
  const { size, repositories } = dropped;
  const blob = { mediaType: "application/octet-stream", digest, size };
  const failures: string[] = [];
  for (const name of repositories) {
    try {
      const reference = parseReference(name);
      const mine = context.credentials?.domain === reference.domain;
      const credentials = mine ? (context.credentials?.credentials ?? {}) : {};
      const repository = await Repository.open(transport, reference, { credentials, access: "pull" });
      const mismatch = `filesystem layer verification failed for digest ${digest}`;
      return await downloadBlob({ transport, blobs, repository, signal }, blob, mismatch);
    } catch (error) {
      const expected = isEngineError(error) || error instanceof RegistryError;
      if (!expected || isEngineError(error, "cancelled")) throw error;
      failures.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw unavailable(
    `layer ${digest} is not kept compressed (keep-layer-blobs is false), and cannot be fetched again: ${failures.join("; ")}`,
  );
}
