import { messageOf } from "../../base/errors.ts";
import { parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { StatusError } from "../exit.ts";

/** The name of a list or of a manifest (`what`), with its default tag. Throws with the Go client's texts. */
export function manifestName(text: string, what: string): Reference {
  try {
    return withDefaultTag(parseReference(text));
  } catch (error) {
    throw new StatusError(1, `error parsing name for ${what} ${text}: ${messageOf(error)}`, { cause: error });
  }
}
