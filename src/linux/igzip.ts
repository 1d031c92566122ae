import { dlopen, ptr } from "bun:ffi";

/**
 * ISA-L's inflate (`libisal.so.2`, Intel's and Arm's assembler), which takes two thirds of zlib's time. The offsets are
 * those of `struct inflate_state` in igzip_lib.h, the same in all releases under this name.
 */
const offsets = { nextOut: 0, availOut: 8, nextIn: 16, availIn: 32, blockState: 21_160, crcFlag: 21_172 };
/** The struct has 87,368 bytes. */
const stateSize = 128 * 1024;
/** `crc_flag` ISAL_GZIP: header and trailer are read, and the checksum is checked. */
const gzipFraming = 1;
/** `block_state` ISAL_BLOCK_FINISH: the member is over, and all of it has been given out. */
const memberFinished = 5;

/** What went wrong, by the numbers that `isal_inflate` returns, in zlib's words. */
const failures: Readonly<Record<number, string>> = {
  [-1]: "invalid block type",
  [-2]: "invalid code lengths set",
  [-3]: "invalid distance too far back",
  [-4]: "incorrect header check",
  [-5]: "unknown compression method",
  [-6]: "incorrect data check",
};

function load() {
  try {
    return dlopen("libisal.so.2", {
      isal_inflate_init: { args: ["ptr"], returns: "void" },
      isal_inflate: { args: ["ptr"], returns: "i32" },
    }).symbols;
  } catch {
    // Not installed: zlib does it.
    return undefined;
  }
}

let library: ReturnType<typeof load> | null = null;

export interface IgzipStep {
  /** Bytes of the input used, and of the output made. */
  used: number;
  made: number;
  /** The gzip member is over. */
  finished: boolean;
  /** Why it cannot go on. */
  failure: string | undefined;
}

/** Inflates one gzip member after the other, a step at a time. Not for use by two threads. */
export class Igzip {
  readonly #symbols: NonNullable<ReturnType<typeof load>>;
  readonly #state = new Uint8Array(stateSize);
  readonly #view = new DataView(this.#state.buffer);
  readonly #pointer = ptr(this.#state);

  private constructor(symbols: NonNullable<ReturnType<typeof load>>) {
    this.#symbols = symbols;
    this.begin();
  }

  /** Undefined where the library is not installed, or is not the one that we know. */
  static open(): Igzip | undefined {
    if (library === null) {
      library = load();
      if (library && !works(new Igzip(library))) library = undefined;
    }
    return library && new Igzip(library);
  }

  /** A new member begins. */
  begin(): void {
    this.#symbols.isal_inflate_init(this.#pointer);
    this.#view.setUint32(offsets.crcFlag, gzipFraming, true);
  }

  /** Takes of `input` what `output` has room for. */
  step(input: Uint8Array, output: Uint8Array): IgzipStep {
    const view = this.#view;
    view.setBigUint64(offsets.nextIn, input.length === 0 ? 0n : BigInt(ptr(input)), true);
    view.setUint32(offsets.availIn, input.length, true);
    view.setBigUint64(offsets.nextOut, BigInt(ptr(output)), true);
    view.setUint32(offsets.availOut, output.length, true);
    const result = this.#symbols.isal_inflate(this.#pointer);
    return {
      used: input.length - view.getUint32(offsets.availIn, true),
      made: output.length - view.getUint32(offsets.availOut, true),
      finished: view.getUint32(offsets.blockState, true) === memberFinished,
      failure: result < 0 ? (failures[result] ?? `isal_inflate: ${result}`) : undefined,
    };
  }
}

/** A member of one stored block: the letter `a`, with its checksum and length (RFC 1952). */
const sample = Buffer.from("1f8b0800000000000003010100feff6143beb7e801000000", "hex");

function works(igzip: Igzip): boolean {
  const output = new Uint8Array(16);
  const { used, made, finished, failure } = igzip.step(sample, output);
  return used === sample.length && made === 1 && output[0] === 0x61 && finished && failure === undefined;
}
