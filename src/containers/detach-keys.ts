import { Transform, type TransformCallback } from "node:stream";
import { invalidArgument } from "../base/errors.ts";

const defaultDetachKeys = "ctrl-p,ctrl-q";

const controls: Record<string, number> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/**
 * Bytes from `ctrl-p,ctrl-q` or `a,b`; the default keys for an empty text. Throws `invalidArgument`: attach and exec
 * have different words for them.
 */
export function detachKeysOf(text: string, word: "detach" | "escape"): Uint8Array {
  const keys = (text || defaultDetachKeys).split(",").map(codeOf);
  if (keys.includes(-1)) throw invalidArgument(`Invalid ${word} keys (${text}) provided`);
  return Uint8Array.from(keys);
}

/** -1 for what is no key. */
function codeOf(key: string): number {
  if (key.length === 1) return key.charCodeAt(0);
  const control = /^ctrl-(.)$/.exec(key.toLowerCase())?.[1] ?? "";
  if (/^[a-z]$/.test(control)) return control.charCodeAt(0) - 96;
  return controls[control] ?? -1;
}

/**
 * Passes input on until the keys are pressed one after another, then calls `detach` and drops the rest. Keys that
 * turn out not to be the sequence are passed on late, and in order.
 */
export class DetachScanner extends Transform {
  #keys: Uint8Array;
  #matched = 0;
  #detached = false;
  #detach: () => void;

  constructor(keys: Uint8Array, detach: () => void) {
    super();
    this.#keys = keys;
    this.#detach = detach;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const out: number[] = [];
    for (const byte of chunk) {
      if (this.#detached) break;
      this.#take(byte, out);
    }
    done(null, out.length > 0 ? Buffer.from(out) : undefined);
  }

  #take(byte: number, out: number[]): void {
    if (byte === this.#keys[this.#matched]) {
      this.#matched++;
      if (this.#matched < this.#keys.length) return;
      this.#detached = true;
      this.#detach();
      return;
    }
    out.push(...this.#keys.subarray(0, this.#matched));
    this.#matched = 0;
    if (byte === this.#keys[0]) this.#matched = 1;
    else out.push(byte);
  }
}
