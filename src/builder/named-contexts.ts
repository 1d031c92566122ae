import { formatPlatform, type Platform } from "../oci/platform.ts";
import { familiarString, parseReference, withDefaultTag } from "../oci/reference.ts";
import type { ContentReader } from "./content-reader.ts";
import type { BuildContext } from "./options.ts";
import type { StageState } from "./stage-state.ts";

/** What a name in `FROM` and `--from` stands for: files, an image, or what another build has come to. */
export type NamedContext = BuildContext | { image: string } | ImageLayout | { result: StageState };

/** An image in a folder of the client, an OCI image layout. */
export interface ImageLayout {
  layout: ContentReader;
  /** As messages and attestations call it: with its digest. */
  name: string;
}

/** By their names as `contextName` gives them; those of one platform as `name::linux/arm64`. */
export type NamedContexts = ReadonlyMap<string, NamedContext>;

/** `docker.io/library/alpine:latest` and `alpine` are one name. */
export function contextName(name: string): string {
  try {
    return familiarString(withDefaultTag(parseReference(name))).replace(/:latest$/, "");
  } catch {
    // No name of an image: a stage, or a name of the client's own.
    return name;
  }
}

/** What `--build-context` says of `name`, for one platform or for all. */
export function contextNamed(
  contexts: NamedContexts,
  name: string,
  platform: Platform,
): NamedContext | undefined {
  if (contexts.size === 0) return undefined;
  const known = contextName(name);
  return contexts.get(`${known}::${formatPlatform(platform)}`) ?? contexts.get(known);
}
