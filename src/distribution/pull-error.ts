import { type EngineError, forbidden, internal, notFound, unavailable } from "../base/errors.ts";
import { familiarName, familiarString, type Reference } from "../oci/reference.ts";
import { RegistryError } from "./registry-error.ts";

/** What a registry said about `reference`, as Docker words it for a user who pulls. Other errors stay what they are. */
export function pullError(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error;
  switch (error.code) {
    case "denied":
      return notFound(
        `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${error.message}`,
        error,
      );
    case "manifest unknown":
      return notFound(`manifest for ${familiarString(reference)} not found: ${error.message}`, error);
    case "name unknown":
      return notFound(`repository ${familiarName(reference)} not found: ${error.message}`, error);
    default:
      return registryFailure(error);
  }
}

/**
 * A registry's refusal in general. A wrong password is `forbidden` and not `unauthorized`: the API's 401 makes Docker's
 * client ask for a password in the middle of a pull, where the real daemon never did.
 */
export function registryFailure(error: RegistryError): EngineError {
  if (error.status === 401 || error.status === 403) return forbidden(error.message, error);
  if (error.status === 404) return notFound(error.message, error);
  return error.temporary ? unavailable(error.message, error) : internal(error.message, error);
}
