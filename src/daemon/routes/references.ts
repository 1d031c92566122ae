import { parseReference, type Reference, withDefaultTag, withTag } from "../../oci/reference.ts";

/** The reference that the parameters `repo` and `tag` name together; `latest` without a tag. Throws `invalidArgument`. */
export function namedTag(repo: string, tag: string): Reference {
  const named = parseReference(repo);
  return tag === "" ? withDefaultTag(named) : withTag(named, tag);
}
