import type { SeccompArgument } from "../oci/runtime-spec.ts";
import type { ProfileRule, SeccompProfile } from "./seccomp-profile.ts";
import {
  allowedOnArchitectures,
  allowedPersonalities,
  allowedSinceKernel,
  allowedSocketFamilies,
  allowedSyscalls,
  allowedWithCapability,
  cloneNamespaceFlags,
  seccompArchitectures,
} from "./seccomp-table.ts";

const allow = "SCMP_ACT_ALLOW";
const EPERM = 1;
const ENOSYS = 38;

const equals = (index: number, value: number): SeccompArgument => ({ index, value, op: "SCMP_CMP_EQ" });

/** One rule a value: a filter's arguments are joined by "and", its rules by "or". */
const socketRules: ProfileRule[] = [
  {
    names: ["socket"],
    action: allow,
    args: [{ index: 0, value: allowedSocketFamilies.below, op: "SCMP_CMP_LT" }],
  },
  ...allowedSocketFamilies.listed.map((family) => ({
    names: ["socket"],
    action: allow,
    args: [equals(0, family)],
  })),
];

const personalityRules: ProfileRule[] = allowedPersonalities.map((value) => ({
  names: ["personality"],
  action: allow,
  args: [equals(0, value)],
}));

const withoutNamespaceFlags = (index: number): SeccompArgument[] => [
  { index, value: cloneNamespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
];

/** clone3's flags are in memory, which a filter cannot see: ENOSYS makes the C library fall back to clone. */
const cloneRules: ProfileRule[] = [
  {
    names: ["clone"],
    action: allow,
    args: withoutNamespaceFlags(0),
    excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["s390", "s390x"] },
  },
  {
    // clone(2): on s390 the flags are the second argument.
    names: ["clone"],
    action: allow,
    args: withoutNamespaceFlags(1),
    includes: { arches: ["s390", "s390x"] },
    excludes: { caps: ["CAP_SYS_ADMIN"] },
  },
  { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS, excludes: { caps: ["CAP_SYS_ADMIN"] } },
];

/** The profile of containers that ask for no other: it allows what Docker's default profile allows. */
export const defaultSeccompProfile: SeccompProfile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: EPERM,
  archMap: Object.values(seccompArchitectures).map(({ native, compatible }) => ({
    architecture: native,
    subArchitectures: compatible,
  })),
  syscalls: [
    { names: allowedSyscalls, action: allow },
    ...allowedSinceKernel.map(([minKernel, names]) => ({ names, action: allow, includes: { minKernel } })),
    ...socketRules,
    ...personalityRules,
    ...allowedOnArchitectures.map(({ arches, names }) => ({ names, action: allow, includes: { arches } })),
    ...allowedWithCapability.map(([capability, names]) => ({
      names,
      action: allow,
      includes: { caps: [capability] },
    })),
    ...cloneRules,
  ],
};
