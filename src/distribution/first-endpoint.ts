import { isEngineError } from "../base/errors.ts";
import type { Endpoint } from "./endpoints.ts";
import type { RegistryTransport } from "./transport.ts";

/**
 * Runs `task` at the first of the registry's `endpoints` that answers. Throws what `task` throws, or why the last one
 * did not answer.
 */
export async function firstEndpoint<T>(
  transport: RegistryTransport,
  endpoints: readonly Endpoint[],
  task: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      const result = await task(endpoint);
      transport.registries.confirm(endpoint);
      return result;
    } catch (error) {
      if (!isEngineError(error, "unavailable")) throw error;
      failure = error;
    }
  }
  throw failure;
}
