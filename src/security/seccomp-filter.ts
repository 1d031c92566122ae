import { compileFilter, highestSyscall } from "../linux/libseccomp.ts";
import type { SeccompSpec } from "../oci/runtime-spec.ts";

const EPERM = 1;
const ENOSYS = 38;
const x32Bit = 0x40000000;

/** AUDIT_ARCH_* of linux/audit.h: how a filter is told the architecture of a call. x32 has that of x86-64. */
const auditArchitectures: Record<string, number> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_RISCV64: 0xc00000f3,
  SCMP_ARCH_S390X: 0x80000016,
  SCMP_ARCH_S390: 0x00000016,
  SCMP_ARCH_PPC64LE: 0xc0000015,
  SCMP_ARCH_LOONGARCH64: 0xc0000102,
};

/** Instructions of classic BPF (linux/filter.h), as numbers: code, jump if true, jump if false, constant. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];
const loadNumber: Instruction = [0x20, 0, 0, 0];
const loadArchitecture: Instruction = [0x20, 0, 0, 4];
const jumpEqual = (k: number, jt: number, jf: number): Instruction => [0x15, jt, jf, k];
const jumpGreater = (k: number, jt: number, jf: number): Instruction => [0x25, jt, jf, k];
const jumpAtLeast = (k: number, jt: number, jf: number): Instruction => [0x35, jt, jf, k];
const returnEnosys: Instruction = [0x06, 0, 0, 0x00050000 | ENOSYS];

/**
 * Compiles a filter to BPF that crun takes as it is, in base64 (its annotation `run.oci.seccomp_bpf_data`), so that
 * not every container start compiles it anew, which takes longer than all the rest of the start. Undefined where it
 * has to be left to the runtime.
 *
 * System calls newer than all that the profile names get ENOSYS, not EPERM: programs and C libraries take it as "old
 * kernel" and fall back, where EPERM would make them fail. (runc does the same; crun does not.)
 */
export function compileSeccomp(spec: SeccompSpec): string | undefined {
  if (spec.flags?.length || spec.listenerPath) return undefined;
  const filter = compileFilter(spec);
  if (!filter) return undefined;
  const refusesByDefault =
    spec.defaultAction === "SCMP_ACT_ERRNO" && (spec.defaultErrnoRet ?? EPERM) !== ENOSYS;
  const prefix = refusesByDefault ? encode(unknownSyscallChecks(spec)) : new Uint8Array();
  return Buffer.concat([prefix, filter]).toString("base64");
}

/** Jumps are relative and forward only, so that these can be put before any program. */
function unknownSyscallChecks(spec: SeccompSpec): Instruction[] {
  const names = new Set((spec.syscalls ?? []).flatMap((rule) => rule.names));
  const architectures = spec.architectures ?? [];
  return architectures.flatMap((architecture) => {
    const audit = auditArchitectures[architecture];
    const highest = highestSyscall(architecture, names);
    if (audit === undefined || highest === undefined) return [];
    if (architecture === "SCMP_ARCH_X86_64" && architectures.includes("SCMP_ARCH_X32")) {
      const highestX32 = highestSyscall("SCMP_ARCH_X32", names) ?? x32Bit;
      return checkWithX32(audit, highest, highestX32);
    }
    return checkOne(audit, highest);
  });
}

function checkOne(audit: number, highest: number): Instruction[] {
  return [loadArchitecture, jumpEqual(audit, 0, 3), loadNumber, jumpGreater(highest, 0, 1), returnEnosys];
}

function checkWithX32(audit: number, highest: number, highestX32: number): Instruction[] {
  return [
    loadArchitecture,
    jumpEqual(audit, 0, 5),
    loadNumber,
    jumpAtLeast(x32Bit, 1, 0),
    jumpGreater(highest, 1, 2),
    jumpGreater(highestX32, 0, 1),
    returnEnosys,
  ];
}

/** `struct sock_filter`: u16, u8, u8, u32, in the byte order of the machine. */
function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const halves = new Uint16Array(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  for (const [i, [code, jt, jf, k]] of instructions.entries()) {
    halves[i * 4] = code;
    bytes[i * 8 + 2] = jt;
    bytes[i * 8 + 3] = jf;
    words[i * 2 + 1] = k;
  }
  return bytes;
}
