import { everything } from "../repositories.ts";
import type { Authenticator, Identity } from "./identity.ts";

/** Somebody who may do everything. */
export function almighty(account: string | undefined): Identity {
  return { account, may: async () => true, visible: async () => everything };
}

/** No log-in: whoever reaches the port may do everything. */
export const openToAll: Authenticator = {
  identify: async () => almighty(undefined),
  challenge: () => undefined,
};
