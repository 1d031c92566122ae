import { isEngineError, notFound } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import {
  familiarString,
  fullName,
  parseReference,
  type Reference,
  withDefaultTag,
  withDigest,
} from "../oci/reference.ts";

/** The name under which an image is kept: with a digest when the reference has one, else with its tag (`latest`). */
export function storedName(reference: Reference): string {
  const repository = fullName(reference);
  return reference.digest === undefined
    ? `${repository}:${reference.tag ?? "latest"}`
    : `${repository}@${reference.digest}`;
}

/** `busybox:latest` or `busybox@sha256:…` of a stored name. */
export function familiar(name: string): string {
  return familiarString(parseReference(name));
}

/**
 * The names of an image as the API shows them: its tags, and its digest in each repository that it has a name in, which
 * is another where it was pushed with compressed layers.
 */
export function shownNames(
  id: Digest,
  names: readonly string[],
  pushed: readonly { repository: string; digest: Digest }[],
): { repoTags: string[]; repoDigests: string[] } {
  const references = names.map(parseReference);
  const repoTags = references.filter(({ digest }) => digest === undefined).map(familiarString);
  const repoDigests = new Set(
    references.map((reference) => {
      const repository = fullName(reference);
      const there = pushed.find((one) => one.repository === repository)?.digest;
      return familiarString(withDigest(reference, there ?? id));
    }),
  );
  return { repoTags: repoTags.sort(), repoDigests: [...repoDigests].sort() };
}

/** Docker's error for something that is no image here. */
export function noSuchImage(nameOrId: string): Error {
  const reference = isIdLike(nameOrId) ? undefined : tryParse(nameOrId);
  return notFound(`No such image: ${reference ? familiarString(withDefaultTag(reference)) : nameOrId}`);
}

const isIdLike = (text: string) => /^(?:sha256:)?[0-9a-f]{64}$/.test(text) || text.startsWith("sha256:");

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (isEngineError(error)) return undefined;
    throw error;
  }
}

/**
 * The id that a text names when it is taken for an id: whole, or at least four digits of its start; with or without
 * `sha256:`.
 */
export function idPrefix(text: string): { prefix: string; whole: boolean } | undefined {
  const match = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(text);
  const hex = match?.[1];
  return hex === undefined ? undefined : { prefix: `sha256:${hex}`, whole: hex.length === 64 };
}
