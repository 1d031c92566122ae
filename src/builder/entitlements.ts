import { forbidden, invalidArgument } from "../base/errors.ts";
import type { InstructionOf } from "../dockerfile/instruction.ts";
import { parseDevice } from "./run-devices.ts";

/** What a step may have beyond the confines of its container, where both the daemon and who builds allow it. */
export interface Entitlements {
  networkHost: boolean;
  securityInsecure: boolean;
  /** All devices, or those of these names. */
  devices: boolean | ReadonlySet<string>;
}

export const noEntitlements: Entitlements = { networkHost: false, securityInsecure: false, devices: false };

/**
 * Grants what a client asks for (`--allow network.host`, `security.insecure`, `device`, `device=NAME`). Throws
 * `invalidArgument` for what there is not, `forbidden` with BuildKit's words for what the daemon does not allow.
 */
export function grant(asked: readonly string[], allowed: Entitlements): Entitlements {
  const names = new Set<string>();
  const granted = { ...noEntitlements };
  const check = (name: string, isAllowed: unknown) => {
    if (!isAllowed) {
      throw forbidden(`granting entitlement ${name} is not allowed by build daemon configuration`);
    }
    return true;
  };
  for (const text of asked) {
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/.exec(text) ?? [];
    if (name === "network.host") granted.networkHost = check(name, allowed.networkHost);
    else if (name === "security.insecure") granted.securityInsecure = check(name, allowed.securityInsecure);
    else if (name === "device") {
      check(name, allowed.devices);
      if (value === undefined || value === "") granted.devices = true;
      else names.add(value.split(",", 1)[0] ?? "");
    } else throw invalidArgument(`unknown entitlement ${name}`);
  }
  return names.size > 0 && granted.devices !== true ? { ...granted, devices: names } : granted;
}

/** Who has no way to ask for it asks for it by the network itself: `--network host`. */
export const hostNetwork = (mode: string): string[] => (mode === "host" ? ["network.host"] : []);

/** Throws `forbidden` with BuildKit's words for what a step wants and the build was not given. */
export function checkEntitled(run: InstructionOf<"RUN">, network: string, granted: Entitlements): void {
  if ((run.network ?? network) === "host" && !granted.networkHost) {
    throw forbidden("network.host is not allowed");
  }
  if (run.security === "insecure" && !granted.securityInsecure) {
    throw forbidden("security.insecure is not allowed");
  }
  for (const { name } of run.devices.map(parseDevice)) {
    const { devices } = granted;
    if (devices === true || (typeof devices === "object" && devices.has(name))) continue;
    throw forbidden(`device ${JSON.stringify(name)} is requested by the build but not allowed`);
  }
}
