import { invalidArgument } from "../../base/errors.ts";
import { parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import type { Cli } from "../cli.ts";

/**
 * What `pull` and `push` are to transfer: with `--all-tags` the repository, otherwise one tag, which is told when it is
 * the default one. Throws `invalidArgument` for a name that is none.
 */
export function referenceToTransfer(
  cli: Cli,
  text: string,
  flags: { readonly "all-tags": boolean; readonly quiet: boolean },
): Reference {
  const given = parseReference(text);
  const named = given.tag !== undefined || given.digest !== undefined;
  if (flags["all-tags"]) {
    if (named) throw invalidArgument("tag can't be used with --all-tags/-a");
    return given;
  }
  const reference = withDefaultTag(given);
  if (!named && !flags.quiet) cli.print(`Using default tag: ${reference.tag}`);
  return reference;
}
