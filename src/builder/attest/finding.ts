import { invalidArgument, messageOf } from "../../base/errors.ts";
import { statementType } from "../../oci/attestation.ts";

/** A statement as a scanner has written it; what it is about is filled in by whoever knows the image. */
export interface Finding {
  /** Of the file. */
  name: string;
  predicateType: string;
  predicate: unknown;
}

/** Checks that a scanner's file is a statement of in-toto. Throws `invalidArgument`, with the name of the file. */
export function readFinding(name: string, text: string): Finding {
  let statement: Record<string, unknown>;
  try {
    statement = JSON.parse(text) as typeof statement;
  } catch (error) {
    throw invalidArgument(
      `cannot decode in-toto statement of the scanner (${name}): ${messageOf(error)}`,
      error,
    );
  }
  const { _type, predicateType, predicate } = statement ?? {};
  if (_type !== statementType) {
    throw invalidArgument(`invalid in-toto statement of the scanner (${name}): its type is ${_type}`);
  }
  if (typeof predicateType !== "string" || predicateType === "" || predicate === undefined) {
    throw invalidArgument(`invalid in-toto statement of the scanner (${name}): it has no predicate`);
  }
  return { name, predicateType, predicate };
}
