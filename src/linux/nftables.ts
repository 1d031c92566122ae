import { type CString, dlopen, type Pointer } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { unavailable } from "../base/errors.ts";
import { cstring } from "./libc.ts";
import { NftElements } from "./nft-elements.ts";

const signatures = {
  nft_ctx_new: { args: ["u32"], returns: "ptr" },
  nft_ctx_free: { args: ["ptr"], returns: "void" },
  nft_ctx_buffer_output: { args: ["ptr"], returns: "i32" },
  nft_ctx_buffer_error: { args: ["ptr"], returns: "i32" },
  nft_ctx_output_set_flags: { args: ["ptr", "u32"], returns: "void" },
  nft_ctx_get_output_buffer: { args: ["ptr"], returns: "cstring" },
  nft_ctx_get_error_buffer: { args: ["ptr"], returns: "cstring" },
  nft_run_cmd_from_buffer: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

const NFT_CTX_OUTPUT_HANDLE = 1 << 3;
const NFT_CTX_OUTPUT_JSON = 1 << 4;

/**
 * libnftables waits for the kernel with select(2), which ends the process when a descriptor is 1024 or higher: a daemon
 * with hundreds of containers has no low ones left, so some are kept for it from the beginning.
 */
const selectable = 1024;
const keptLow: number[] = [];

function keepLow(count: number): void {
  while (keptLow.length < count) {
    const fd = openSync("/dev/null", "r");
    if (fd >= selectable) {
      closeSync(fd);
      return;
    }
    keptLow.push(fd);
  }
}

/** Descriptors for contexts that are open at a time: one for each daemon in this process, and those of the moment. */
const contexts = 8;
keepLow(contexts);

/** nftables refused: `message` holds its own words. */
export class NftablesError extends Error {
  constructor(message: string) {
    super(`nftables: ${message.trim().split("\n")[0]}`);
    this.name = "NftablesError";
  }
}

function load() {
  try {
    return dlopen("libnftables.so.1", signatures).symbols;
  } catch (error) {
    throw unavailable("libnftables.so.1 is needed for the firewall: install the package libnftables1", error);
  }
}

/**
 * nftables through libnftables(3), in the network namespace of the calling thread. Each `run` is one transaction: the
 * kernel takes all of its commands or none. About 1 ms; no process is started.
 */
export class Nftables implements Disposable {
  readonly #nft: ReturnType<typeof load>;
  readonly #context: Pointer;
  readonly bridgeElements = new NftElements();

  constructor() {
    this.#nft = load();
    // The lowest free descriptor is the next that is given out.
    const low = keptLow.pop();
    if (low !== undefined) closeSync(low);
    const context = this.#nft.nft_ctx_new(0);
    if (context === null) throw unavailable("libnftables: no context");
    this.#context = context as Pointer;
    this.#nft.nft_ctx_buffer_output(this.#context);
    this.#nft.nft_ctx_buffer_error(this.#context);
  }

  /** Runs commands in the language of nft(8) and returns what they print. Throws `NftablesError`. */
  run(commands: string): string {
    const failed = this.#nft.nft_run_cmd_from_buffer(this.#context, cstring(commands)) !== 0;
    const output = textOf(this.#nft.nft_ctx_get_output_buffer(this.#context));
    // Reading a buffer empties it, so both are read each time.
    const errors = textOf(this.#nft.nft_ctx_get_error_buffer(this.#context));
    if (failed) throw new NftablesError(errors || commands);
    return output;
  }

  /** Runs a listing command (`list …`) and returns its JSON with handles, as libnftables-json(5) tells. */
  list(command: string): NftObject[] {
    this.#nft.nft_ctx_output_set_flags(this.#context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE);
    try {
      const { nftables } = JSON.parse(this.run(command)) as { nftables: NftObject[] };
      return nftables;
    } finally {
      this.#nft.nft_ctx_output_set_flags(this.#context, 0);
    }
  }

  [Symbol.dispose](): void {
    this.#nft.nft_ctx_free(this.#context);
    this.bridgeElements[Symbol.dispose]();
    keepLow(contexts);
  }
}

/** An entry of a listing: `{table: {…}}`, `{chain: {…}}`, `{rule: {…}}`. */
export type NftObject = Record<string, { [field: string]: unknown }>;

const textOf = (text: CString | string | null) => (text === null ? "" : String(text));
