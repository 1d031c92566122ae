import { formatPlatform, type Platform } from "../../oci/platform.ts";
import { familiarName, parseReference, withDefaultTag } from "../../oci/reference.ts";

const escaped = (text: string) => encodeURIComponent(text).replaceAll("%3A", ":");

/** `pkg:docker/x@tag?platform=linux%2Famd64`: an image as a package URL (purl-spec, types docker and oci). */
export function imagePurl(name: string, platform: Platform, type: "docker" | "oci" = "docker"): string {
  const reference = parseReference(name);
  const { tag, digest } = digestOrTag(reference);
  const path = familiarName(reference).split("/").map(escaped).join("/");
  const version = tag === undefined ? "" : `@${escaped(tag)}`;
  const qualifiers = [
    ...(digest === undefined ? [] : [`digest=${escaped(digest)}`]),
    `platform=${escaped(formatPlatform(platform))}`,
  ];
  return `pkg:${type}/${path}${version}?${qualifiers.join("&")}`;
}

function digestOrTag(reference: ReturnType<typeof parseReference>) {
  return reference.digest === undefined ? withDefaultTag(reference) : reference;
}
