import { expect, test } from "bun:test";
import { defaultCapabilities } from "./capabilities.ts";
import { readSecurityFacts } from "./host-facts.ts";
import { SeccompFilters } from "./seccomp.ts";

const filters = new SeccompFilters({
  ...readSecurityFacts(),
  architecture: "amd64",
  seccompArchitecture: "SCMP_ARCH_X86_64",
  kernelRelease: "6.1.0",
  seccomp: true,
});
const x86_64 = 0xc000003e;
const x86 = 0x40000003;
const x32Bit = 0x40000000;

const allow = 0x7fff0000;
const errno = (number: number) => 0x00050000 | number;
const [EPERM, ENOSYS] = [errno(1), errno(38)];

function program(capabilities: readonly string[] = defaultCapabilities): DataView {
  const filter = filters.filterFor({ profile: undefined, privileged: false, capabilities });
  const bytes = Buffer.from(filter?.bpf ?? "", "base64");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** What the kernel does with a system call: the classic BPF of linux/filter.h on `struct seccomp_data`. */
function decide(code: DataView, arch: number, number: number, args: readonly bigint[] = []): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  for (const [i, arg] of args.entries()) data.setBigUint64(16 + 8 * i, arg, true);
  let a = 0;
  for (let pc = 0; pc * 8 < code.byteLength; pc++) {
    const k = code.getUint32(pc * 8 + 4, true);
    const jump = (yes: boolean) => {
      pc += code.getUint8(pc * 8 + (yes ? 2 : 3));
    };
    const operation = code.getUint16(pc * 8, true);
    if (operation === 0x06) return k;
    if (operation === 0x20) a = data.getUint32(k, true);
    else if (operation === 0x54) a = (a & k) >>> 0;
    else if (operation === 0x05) pc += k;
    else if (operation === 0x15) jump(a === k);
    else if (operation === 0x25) jump(a > k);
    else if (operation === 0x35) jump(a >= k);
    else if (operation === 0x45) jump((a & k) !== 0);
    else throw new Error(`operation 0x${operation.toString(16)} at ${pc}`);
  }
  throw new Error("the program has no end");
}

const call = {
  openat: 257,
  mount: 165,
  keyctl: 250,
  reboot: 169,
  clone: 56,
  clone3: 435,
  socket: 41,
  personality: 135,
};

test("decides as Docker's default profile", () => {
  const code = program();
  expect(decide(code, x86_64, call.openat)).toBe(allow);
  for (const refused of [call.mount, call.keyctl, call.reboot])
    expect(decide(code, x86_64, refused)).toBe(EPERM);
  expect(decide(code, x86_64, call.clone3)).toBe(ENOSYS);
  expect(decide(code, x86_64, call.clone, [0x11n])).toBe(allow);
  expect(decide(code, x86_64, call.clone, [0x10000011n])).toBe(EPERM);
  expect(decide(code, x86_64, call.socket, [2n])).toBe(allow);
  expect(decide(code, x86_64, call.socket, [40n])).toBe(EPERM);
  expect(decide(code, x86_64, call.socket, [(1n << 32n) | 40n])).toBe(EPERM);
  expect(decide(code, x86_64, call.personality, [0xffffffffn])).toBe(allow);
  expect(decide(code, x86_64, call.personality, [0x40000n])).toBe(EPERM);
});

test("capabilities open what needs them", () => {
  const code = program([...defaultCapabilities, "CAP_SYS_ADMIN"]);
  expect(decide(code, x86_64, call.mount)).toBe(allow);
  expect(decide(code, x86_64, call.clone3)).toBe(allow);
  expect(decide(code, x86_64, call.reboot)).toBe(EPERM);
});

test("compatible architectures have their own numbers", () => {
  const code = program();
  // i386: 5 is open, 21 is mount; x32: 257 is openat.
  expect(decide(code, x86, 5)).toBe(allow);
  expect(decide(code, x86, 21)).toBe(EPERM);
  expect(decide(code, x86_64, x32Bit + 257)).toBe(allow);
});

test("system calls of the future do not exist, on each architecture", () => {
  const code = program();
  for (const arch of [x86_64, x86]) expect(decide(code, arch, 2000)).toBe(ENOSYS);
  expect(decide(code, x86_64, x32Bit + 2000)).toBe(ENOSYS);
  // An architecture that the profile does not know is not let through.
  expect(decide(code, 0xc00000b7, 57)).not.toBe(allow);
});
