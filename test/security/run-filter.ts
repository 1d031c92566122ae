/** What a filter is asked about: the fields of `struct seccomp_data` (seccomp(2)) that it may look at. */
interface SyscallData {
  nr: number;
  arch: number;
  args: readonly number[];
}

/** Runs a classic BPF program (linux/filter.h) as seccomp does; returns its answer. */
export function runFilter(program: Uint8Array, { nr, arch, args }: SyscallData): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, arch, true);
  for (const [at, value] of args.entries()) data.setBigUint64(16 + 8 * at, BigInt(value), true);
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  let a = 0;
  for (let at = 0; ; at++) {
    const code = view.getUint16(8 * at, true);
    const k = view.getUint32(8 * at + 4, true);
    const jump = (taken: boolean) => view.getUint8(8 * at + (taken ? 2 : 3));
    if (code === 0x20) a = data.getUint32(k, true);
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (code === 0x15) at += jump(a === k);
    else if (code === 0x25) at += jump(a > k);
    else if (code === 0x35) at += jump(a >= k);
    else if (code === 0x45) at += jump((a & k) !== 0);
    else if (code === 0x06) return k;
    else throw new Error(`instruction ${at} has the code ${code.toString(16)}, which no filter had before`);
  }
}

/** The numbers that a program compares with: where its answers may change. */
export function constantsOf(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  const found = new Set<number>();
  for (let at = 0; at < program.length; at += 8) {
    if ([0x15, 0x25, 0x35, 0x45].includes(view.getUint16(at, true))) found.add(view.getUint32(at + 4, true));
  }
  return [...found];
}
