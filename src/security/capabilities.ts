import { invalidArgument } from "../base/errors.ts";

/** The kernel's capabilities in the order of their numbers (linux/capability.h), without the prefix `CAP_`. */
export const capabilityNames = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
] as const;

/** What a container has when nothing else is asked, in Docker's order. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

const known = new Set(capabilityNames.map((name) => `CAP_${name}`));

/** The names of the bits of a mask as /proc/<pid>/status shows it (`CapEff`, hexadecimal). */
export function capabilitiesOfMask(hex: string): string[] {
  const mask = BigInt(`0x${hex}`);
  return capabilityNames.flatMap((name, bit) => ((mask >> BigInt(bit)) & 1n ? [`CAP_${name}`] : []));
}

/**
 * The form that the kernel's header and the OCI specification use: upper case, with prefix; `ALL` stays `ALL`.
 * Refuses names that do not exist, and capabilities that the daemon itself has not (`available`).
 */
function normalize(option: string, names: readonly string[], available: ReadonlySet<string>): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === "ALL") return upper;
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!known.has(full)) throw invalidArgument(`invalid ${option}: unknown capability: "${full}"`);
    if (!available.has(full)) {
      throw invalidArgument(
        `invalid ${option}: capability not supported by your kernel or not available in the current environment: "${full}"`,
      );
    }
    return full;
  });
}

export interface CapabilityRequest {
  add?: readonly string[] | undefined;
  drop?: readonly string[] | undefined;
  privileged?: boolean | undefined;
}

/**
 * The bounding set of a container, after `--cap-add`, `--cap-drop` and `--privileged`. `available`: what the daemon
 * has; nobody can hand on more. Throws `invalidArgument` with Docker's words.
 */
export function containerCapabilities(request: CapabilityRequest, available: readonly string[]): string[] {
  if (request.privileged) return [...available];
  const possible = new Set(available);
  const add = normalize("CapAdd", request.add ?? [], possible);
  // What cannot be had can still be dropped, so that a portable command line works everywhere.
  const drop = normalize("CapDrop", request.drop ?? [], known);
  const dropped = new Set(drop);
  const notDropped = (name: string) => !dropped.has(name);
  if (add.includes("ALL")) return available.filter(notDropped);
  const base = drop.includes("ALL") ? [] : defaultCapabilities.filter((name) => possible.has(name));
  return [...new Set([...base.filter(notDropped), ...add])];
}
