import { isApparmorProfileLoaded, loadApparmorProfile } from "../linux/apparmor.ts";

/** The name by which scripts know the profile of containers. */
export const defaultApparmorProfile = "docker-default";

/**
 * The text of the profile (apparmor.d(5)). A container may do what its capabilities allow, but for mounting, for
 * writing to those parts of /proc and /sys that are the host's, and for tracing and signals across its border. It is a
 * second line: masked paths, seccomp and capabilities refuse most of this before.
 */
export function apparmorProfileText(name = defaultApparmorProfile): string {
  const writes = [
    // Files directly in /proc, and what is neither a process (a number) nor sys.
    "@{PROC}/*",
    "@{PROC}/{[^1-9s],[^1-9s]*,s[^y]*,sy[^s]*,sys[^/]*}/**",
    // Of /proc/sys only kernel/shm* belongs to the container; net/ is its own namespace's and written by the runtime.
    "@{PROC}/sys/[^k]**",
    "@{PROC}/sys/k[^e]**",
    "@{PROC}/sys/kernel/{[^s],[^s]*,s[^h]*,sh[^m]*}{,/**}",
  ];
  const sysWrites = ["/sys/[^f]*/**", "/sys/f[^s]*/**", "/sys/fs/[^c]*/**", "/sys/fs/c[^g]*/**"];
  const nothing = [
    "@{PROC}/sysrq-trigger",
    "@{PROC}/kcore",
    "/sys/firmware/**",
    "/sys/devices/virtual/powercap/**",
    "/sys/kernel/security/**",
  ];
  return [
    "@{PROC}=/proc/",
    `profile ${name} flags=(attach_disconnected,mediate_deleted) {`,
    "  network,",
    "  capability,",
    "  file,",
    "  umount,",
    "  unix,",
    "  deny mount,",
    // Who starts and stops the container is not confined; a container's processes may reach each other.
    "  signal (receive) peer=unconfined,",
    "  signal (receive) peer=runc,",
    "  signal (receive) peer=crun,",
    `  signal (send,receive) peer=${name},`,
    `  ptrace (trace,read,tracedby,readby) peer=${name},`,
    ...writes.map((path) => `  deny ${path} w,`),
    ...sysWrites.map((path) => `  deny ${path} wklx,`),
    ...nothing.map((path) => `  deny ${path} rwklx,`),
    "}",
    "",
  ].join("\n");
}

/**
 * Makes sure that the kernel has the profile; one that is there already, as that of a Docker beside us, is left alone.
 * `aa-remove-unknown` takes it away at any time, so this is asked before each process. Throws `unavailable` when it cannot
 * be loaded. Only where AppArmor is enabled.
 */
export function ensureDefaultApparmorProfile(): void {
  if (isApparmorProfileLoaded(defaultApparmorProfile)) return;
  loadApparmorProfile(apparmorProfileText());
}
