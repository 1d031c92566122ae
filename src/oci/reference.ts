import { invalidArgument } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";

/**
 * The name of an image, normalised as Docker does it: `busybox` is domain `docker.io`, path `library/busybox`.
 * `tag` and `digest` are there when the text named them; both at once is allowed.
 */
export interface Reference {
  /** Host, with its port where one is given; `docker.io` when the text names none. */
  domain: string;
  /** The repository in its registry: `library/busybox`. */
  path: string;
  tag?: string;
  digest?: Digest;
}

export const defaultDomain = "docker.io";
const legacyDomain = "index.docker.io";
const officialPrefix = "library/";

const alphanumeric = "[a-z0-9]+";
const pathComponent = `${alphanumeric}(?:(?:[._]|__|-+)${alphanumeric})*`;
const domainComponent = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const pattern = new RegExp(
  `^(${domain})/(${pathComponent}(?:/${pathComponent})*)(?::(${tag}))?(?:@(${digest}))?$`,
);
const tagPattern = new RegExp(`^${tag}$`);
const maxPathLength = 255;
/** Longer than any valid reference; keeps the regular expressions from seeing megabytes. */
const maxTextLength = 2048;

/** What `parseReference` throws, in Docker's words. */
const invalidFormat = () => invalidArgument("invalid reference format");

/**
 * Parses what a user writes for an image: `busybox`, `a/b:1`, `localhost:5000/x@sha256:…`
 * (grammar: github.com/distribution/reference). Throws `invalidArgument` in Docker's words.
 */
export function parseReference(text: string): Reference {
  if (text.length > maxTextLength) throw invalidFormat();
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw invalidArgument(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { host, remainder } = splitDomain(text);
  const name = remainder.split(/[:@]/, 1)[0] ?? "";
  if (name !== name.toLowerCase()) {
    throw invalidArgument(`invalid reference format: repository name (${name}) must be lowercase`);
  }
  const match = pattern.exec(`${host}/${remainder}`);
  if (!match) throw invalidFormat();
  const [, domainPart = "", path = "", tagPart, digestPart] = match;
  if (path.length > maxPathLength) {
    throw invalidArgument(`repository name must not be more than ${maxPathLength} characters`);
  }
  const reference: Reference = { domain: domainPart, path };
  if (tagPart !== undefined) reference.tag = tagPart;
  if (digestPart !== undefined) reference.digest = parseDigest(digestPart);
  return reference;
}

function splitDomain(text: string): { host: string; remainder: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, slash);
  const isDomain =
    slash >= 0 && (first === "localhost" || /[.:]/.test(first) || first !== first.toLowerCase());
  let host = isDomain ? first : defaultDomain;
  let remainder = isDomain ? text.slice(slash + 1) : text;
  if (host === legacyDomain) host = defaultDomain;
  if (host === defaultDomain && !remainder.includes("/")) remainder = officialPrefix + remainder;
  return { host, remainder };
}

/** `docker.io/library/busybox`: the repository, without tag and digest. */
export function fullName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:latest@sha256:…`: everything that the reference has. */
export function fullString(reference: Reference): string {
  return fullName(reference) + suffix(reference);
}

/** `busybox`, `a/b`, `localhost:5000/x`: the repository as people write it. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== defaultDomain) return fullName(reference);
  const official = reference.path.slice(officialPrefix.length);
  return reference.path.startsWith(officialPrefix) && !official.includes("/") ? official : reference.path;
}

/** `busybox:1.36@sha256:…`: as people write it, with what the reference has of tag and digest. */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix(reference: Reference): string {
  const tagText = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tagText : `${tagText}@${reference.digest}`;
}

/** `reference`, with the tag `latest` when it has neither a tag nor a digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}

/** `reference` with this tag and no digest. Throws `invalidArgument` when `name` is not a tag. */
export function withTag(reference: Reference, name: string): Reference {
  if (!isTag(name)) throw invalidArgument("invalid tag format");
  return { domain: reference.domain, path: reference.path, tag: name };
}

/** `reference` with this digest and no tag. */
export function withDigest(reference: Reference, value: Digest): Reference {
  return { domain: reference.domain, path: reference.path, digest: value };
}

/** True when `text` can be a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** True when `text` can be a repository's name inside a registry (`library/busybox`). */
export function isRepositoryPath(text: string): boolean {
  return text.length <= maxPathLength && repositoryPattern.test(text);
}
const repositoryPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
