import type { BlobStore } from "../../images/blobs.ts";
import {
  attestedBy,
  type Statement,
  type Subject,
  statementMediaType,
  statementType,
} from "../../oci/attestation.ts";
import type { Digest } from "../../oci/digest.ts";
import { isIndex, maxManifestSize, parseManifestOrIndex } from "../../oci/manifest.ts";
import type { Platform } from "../../oci/platform.ts";
import { imagePurl } from "./purl.ts";

/** What is told of a result, and the file that it goes into beside the result's files. */
export interface Attestation {
  file: string;
  predicateType: string;
  predicate: unknown;
  /** Only within an image: not where the result is files, and no reason by itself for an index in an archive. */
  inlineOnly: boolean;
}

/** More than any statement that a build makes. Bytes. */
const maxStatement = 64 * 1024 * 1024;

export function digestSet(digest: string): Record<string, string> {
  const [algorithm = "", value = ""] = digest.split(":");
  return { [algorithm]: value };
}

/** An image is called by each of its names; one without a name by `_`. */
export function imageSubjects(names: readonly string[], platform: Platform, digest: Digest): Subject[] {
  const called = names.length === 0 ? ["_"] : names.map((name) => imagePurl(name, platform));
  return called.map((name) => ({ name, digest: digestSet(digest) }));
}

export function statementOf({ predicateType, predicate }: Attestation, subject: Subject[]): Statement {
  return { _type: statementType, predicateType, subject, predicate };
}

/** What is different each time, by the path to it: of provenance 0.2 and 1. */
const times: readonly (readonly string[])[] = [
  ...["buildInvocationID", "buildStartedOn", "buildFinishedOn"].map((name) => ["metadata", name]),
  ...["invocationId", "startedOn", "finishedOn"].map((name) => ["runDetails", "metadata", name]),
];

function withoutTimes(statement: Statement): string {
  const copy = structuredClone(statement);
  for (const path of times) {
    let at = copy.predicate as Record<string, unknown> | undefined;
    for (const part of path.slice(0, -1)) at = at?.[part] as Record<string, unknown> | undefined;
    const last = path.at(-1);
    if (typeof at === "object" && at !== null && last !== undefined) delete at[last];
  }
  return JSON.stringify(copy);
}

/**
 * The statements about the manifest `subject` in the indexes `earlier`, for those of `statements` that say the same but
 * for when it was done: an image that has not changed stays the image that it was.
 */
export function unlessTheSame(
  blobs: BlobStore,
  statements: readonly Statement[],
  subject: Digest,
  earlier: readonly Digest[],
): Statement[] {
  const known = new Map<string, Statement>();
  for (const one of earlier.flatMap((index) => earlierStatements(blobs, index, subject))) {
    known.set(withoutTimes(one), one);
  }
  if (known.size === 0) return [...statements];
  return statements.map((statement) => known.get(withoutTimes(statement)) ?? statement);
}

function earlierStatements(blobs: BlobStore, index: Digest, subject: Digest): Statement[] {
  const document = (digest: Digest) =>
    blobs.has(digest) ? parseManifestOrIndex(blobs.read(digest, maxManifestSize)) : undefined;
  const top = document(index);
  if (top === undefined || !isIndex(top)) return [];
  const manifests = top.manifests.filter((child) => attestedBy(child) === subject);
  return manifests
    .map(({ digest }) => document(digest))
    .flatMap((found) => (found === undefined || isIndex(found) ? [] : found.layers))
    .filter(({ mediaType, digest }) => mediaType === statementMediaType && blobs.has(digest))
    .map(
      ({ digest }) => JSON.parse(Buffer.from(blobs.read(digest, maxStatement)).toString("utf8")) as Statement,
    );
}
