import { parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";

/** The reference that `run IMAGE` means; undefined where the text can only be an image's ID. */
export function referenceOf(image: string): Reference | undefined {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(image)) return undefined;
  return withDefaultTag(parseReference(image));
}
