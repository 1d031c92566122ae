import { invalidArgument } from "../base/errors.ts";
import { kernelAtLeast } from "../linux/kernel-release.ts";
import type { SeccompArgument, SeccompRule, SeccompSpec } from "../oci/runtime-spec.ts";

/** When a rule applies. Of `caps` all are needed (or, to exclude, one is enough), of `arches` one. */
export interface SeccompCondition {
  caps?: string[];
  arches?: string[];
  /** `4.8`. */
  minKernel?: string;
}

export interface ProfileRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: SeccompArgument[];
  includes?: SeccompCondition;
  excludes?: SeccompCondition;
}

/** A profile in Docker's format: rules that depend on capabilities, architecture and kernel. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures: string[] }[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls: ProfileRule[];
}

/** What decides which rules of a profile apply. */
export interface SeccompContext {
  /** The bounding set, with prefixes. */
  capabilities: readonly string[];
  /** Go's name: `amd64`. */
  architecture: string;
  /** The seccomp name of that architecture: `SCMP_ARCH_X86_64`. */
  nativeArchitecture: string | undefined;
  /** `6.1.0-13-amd64`. */
  kernelRelease: string;
}

/**
 * The filter that `profile` means for one container. Throws `invalidArgument` for a profile that contradicts itself.
 */
export function resolveProfile(profile: SeccompProfile, context: SeccompContext): SeccompSpec {
  if (profile.architectures?.length && profile.archMap?.length) {
    throw invalidArgument(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const mapped = profile.archMap?.find((entry) => entry.architecture === context.nativeArchitecture);
  const architectures = mapped ? [mapped.architecture, ...mapped.subArchitectures] : profile.architectures;
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures?.length && { architectures }),
    ...(profile.flags?.length && { flags: profile.flags }),
    ...(profile.listenerPath && { listenerPath: profile.listenerPath }),
    ...(profile.listenerMetadata && { listenerMetadata: profile.listenerMetadata }),
    syscalls: profile.syscalls.filter((rule) => applies(rule, context)).map(toSpecRule),
  };
}

function toSpecRule({ names, action, errnoRet, args }: ProfileRule): SeccompRule {
  return {
    names,
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args?.length && { args }),
  };
}

function applies({ includes, excludes }: ProfileRule, context: SeccompContext): boolean {
  const has = (capability: string) => context.capabilities.includes(capability);
  const isHere = (arch: string) => arch === context.architecture;
  if (excludes?.caps?.some(has)) return false;
  if (excludes?.arches?.some(isHere)) return false;
  if (excludes?.minKernel && kernelAtLeast(context.kernelRelease, excludes.minKernel)) return false;
  if (includes?.caps && !includes.caps.every(has)) return false;
  if (includes?.arches?.length && !includes.arches.some(isHere)) return false;
  return !includes?.minKernel || kernelAtLeast(context.kernelRelease, includes.minKernel);
}
