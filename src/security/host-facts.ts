import { readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { capabilitiesOfMask } from "./capabilities.ts";
import { seccompArchitectures } from "./seccomp-table.ts";

/** What of the host decides how a container can be confined. Read once, when the daemon starts. */
export interface SecurityFacts {
  /** What the daemon itself may do, with prefixes; a container cannot get more. */
  capabilities: readonly string[];
  /** Go's name: `amd64`. */
  architecture: string;
  /** The seccomp name of the architecture; undefined for one without a profile. */
  seccompArchitecture: string | undefined;
  kernelRelease: string;
  seccomp: boolean;
  apparmor: boolean;
}

const goArchitectures: Record<string, string> = { x64: "amd64", ia32: "386", loong64: "loong64" };

/** Reads them from `procfs` and `sysfs`, which are parameters for tests. */
export function readSecurityFacts(procfs = "/proc", sysfs = "/sys"): SecurityFacts {
  const status = readFileSync(`${procfs}/self/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  const architecture = goArchitectures[arch()] ?? arch();
  return {
    capabilities: capabilitiesOfMask(field("CapEff") ?? "0"),
    architecture,
    seccompArchitecture: seccompArchitectures[architecture]?.native,
    kernelRelease: release(),
    seccomp: field("Seccomp") !== undefined,
    apparmor: readOr(`${sysfs}/module/apparmor/parameters/enabled`).startsWith("Y"),
  };
}

/** The content of a file that not every kernel has. */
function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there means that the kernel does not have the feature.
    return "";
  }
}
