/** The architectures that an executable is made for, by Go's names. */
export type Architecture = "amd64" | "arm64";

const headerSize = 64;
const programHeaderSize = 56;
const loadAddress = 0x400000n;

interface Machine {
  /** `e_machine` of elf(5). */
  id: number;
  /** The largest page size that kernels for it use. */
  pageSize: bigint;
  /** Code that writes `length` bytes, which follow it directly, to standard output, and exits. */
  code(length: number): Buffer;
}

/**
 * A static ELF64 executable that prints `message` (less than 64 KiB) and exits with 0, or with 1 when it cannot write. It is
 * one read-only segment: headers, code, message (elf(5), System V ABI).
 */
export function printingExecutable(architecture: Architecture, message: string): Buffer {
  const machine = machines[architecture];
  const text = Buffer.from(message);
  if (text.length > 0xffff) throw new RangeError("the message is longer than 65535 bytes");
  const body = Buffer.concat([machine.code(text.length), text]);
  return Buffer.concat([fileHeader(machine), loadSegment(machine, body.length), stackSegment(), body]);
}

const codeOffset = headerSize + 2 * programHeaderSize;

function fileHeader({ id }: Machine): Buffer {
  const header = Buffer.alloc(headerSize);
  // Magic, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE.
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  header.writeUInt16LE(2, 16); // e_type: ET_EXEC
  header.writeUInt16LE(id, 18); // e_machine
  header.writeUInt32LE(1, 20); // e_version
  header.writeBigUInt64LE(loadAddress + BigInt(codeOffset), 24); // e_entry
  header.writeBigUInt64LE(BigInt(headerSize), 32); // e_phoff
  header.writeUInt16LE(headerSize, 52); // e_ehsize
  header.writeUInt16LE(programHeaderSize, 54); // e_phentsize
  header.writeUInt16LE(2, 56); // e_phnum
  header.writeUInt16LE(64, 58); // e_shentsize, of no section
  return header;
}

function programHeader(type: number, flags: number, address: bigint, size: bigint, align: bigint): Buffer {
  const header = Buffer.alloc(programHeaderSize);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(flags, 4);
  header.writeBigUInt64LE(0n, 8); // p_offset: the file from its beginning
  header.writeBigUInt64LE(address, 16); // p_vaddr
  header.writeBigUInt64LE(address, 24); // p_paddr
  header.writeBigUInt64LE(size, 32); // p_filesz
  header.writeBigUInt64LE(size, 40); // p_memsz
  header.writeBigUInt64LE(align, 48);
  return header;
}

/** PT_LOAD, readable and executable. */
function loadSegment({ pageSize }: Machine, bodyLength: number): Buffer {
  return programHeader(1, 5, loadAddress, BigInt(codeOffset + bodyLength), pageSize);
}

/** PT_GNU_STACK, readable and writable: the stack is not executable. */
function stackSegment(): Buffer {
  return programHeader(0x6474e551, 6, 0n, 0n, 16n);
}

const machines: Record<Architecture, Machine> = {
  amd64: { id: 62, pageSize: 0x1000n, code: amd64Code },
  arm64: { id: 183, pageSize: 0x10000n, code: arm64Code },
};

/** System calls of x86-64: write is 1, exit is 60 (syscalls(2)). */
function amd64Code(length: number): Buffer {
  const code = Buffer.from([
    ...[0x48, 0x8d, 0x35, 0x27, 0x00, 0x00, 0x00], // lea rsi, [rip + message]
    ...[0xba, 0x00, 0x00, 0x00, 0x00], //             mov edx, length
    // again:
    ...[0xb8, 0x01, 0x00, 0x00, 0x00], //             mov eax, 1
    ...[0xbf, 0x01, 0x00, 0x00, 0x00], //             mov edi, 1
    ...[0x0f, 0x05], //                               syscall
    ...[0x48, 0x85, 0xc0], //                         test rax, rax
    ...[0x7e, 0x0a], //                               jle failed
    ...[0x48, 0x01, 0xc6], //                         add rsi, rax
    ...[0x48, 0x29, 0xc2], //                         sub rdx, rax
    ...[0x75, 0xe7], //                               jnz again
    ...[0x31, 0xff], //                               xor edi, edi
    // failed: (edi is still 1)
    ...[0xb8, 0x3c, 0x00, 0x00, 0x00], //             mov eax, 60
    ...[0x0f, 0x05], //                               syscall
  ]);
  code.writeUInt32LE(length, 8);
  return code;
}

/** System calls of arm64: write is 64, exit is 93. */
function arm64Code(length: number): Buffer {
  const words = [
    0x100001e1, //                      adr x1, message
    0xd2800002 | (length << 5), //      mov x2, #length
    // again:
    0xd2800020, //                      mov x0, #1
    0xd2800808, //                      mov x8, #64
    0xd4000001, //                      svc #0
    0xf100001f, //                      cmp x0, #0
    0x540000cd, //                      b.le failed
    0x8b000021, //                      add x1, x1, x0
    0xeb000042, //                      subs x2, x2, x0
    0x54ffff21, //                      b.ne again
    0xd2800000, //                      mov x0, #0
    0x14000002, //                      b exit
    0xd2800020, // failed:              mov x0, #1
    0xd2800ba8, // exit:                mov x8, #93
    0xd4000001, //                      svc #0
  ];
  const code = Buffer.alloc(4 * words.length);
  words.forEach((word, index) => {
    code.writeUInt32LE(word >>> 0, 4 * index);
  });
  return code;
}
