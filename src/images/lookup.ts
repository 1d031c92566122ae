import { notFound } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName, parseReference, type Reference } from "../oci/reference.ts";
import type { ImageRow, ImageTable } from "../store/images.ts";
import { idPrefix, noSuchImage, storedName } from "./names.ts";

/** An image, and how it was named: by `reference`, or by its id when that is undefined. */
export interface Found {
  row: ImageRow;
  reference: Reference | undefined;
}

/**
 * Finds an image as Docker does: a whole id, then a name (the tag is `latest` where none is given), then the start of
 * an id. Throws `notFound` (`No such image: x:latest`), and `invalidArgument` for what can be neither.
 */
export function findImage(table: ImageTable, nameOrId: string): Found {
  const asId = idPrefix(nameOrId);
  if (asId?.whole) {
    const row = table.get(asId.prefix);
    if (row) return { row, reference: undefined };
    throw noSuchImage(nameOrId);
  }
  if (!nameOrId.startsWith("sha256:")) {
    const reference = parseReference(nameOrId);
    const id = imageNamed(table, reference);
    const row = id === undefined ? undefined : table.get(id);
    if (row) return { row, reference };
  }
  const [row, another] = asId ? table.withPrefix(asId.prefix) : [];
  if (another) throw notFound(`ambiguous image ID prefix: ${nameOrId}`);
  if (row) return { row, reference: undefined };
  throw noSuchImage(nameOrId);
}

/** The image that a reference names. A digest may name any image that has a name in the repository. */
export function imageNamed(table: ImageTable, reference: Reference): Digest | undefined {
  const exact = table.imageOf(storedName(reference));
  if (exact !== undefined || reference.digest === undefined) return exact;
  const pushed = table.imageOfPushed(fullName(reference), reference.digest);
  const id = pushed ?? reference.digest;
  return namesInRepository(table, id, reference).length > 0 ? id : undefined;
}

/** The names that an image has in the repository of `reference`. */
export function namesInRepository(table: ImageTable, id: Digest, reference: Reference): string[] {
  const repository = fullName(reference);
  return table.namesOf(id).filter((name) => fullName(parseReference(name)) === repository);
}
