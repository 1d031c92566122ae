import { Transform, type TransformCallback } from "node:stream";
import { invalidArgument } from "../base/errors.ts";

export const defaultDetachKeys = "ctrl-p,ctrl-q";

const controls: Record<string, number> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** Bytes from `ctrl-p,ctrl-q` or `a,b`. Throws `invalidArgument`. */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(
    text.split(",").map((key) => {
      if (key.length === 1) return key.charCodeAt(0);
      const control = /^ctrl-(.)$/.exec(key.toLowerCase())?.[1] ?? "";
      if (/^[a-z]$/.test(control)) return control.charCodeAt(0) - 96;
      const code = controls[control];
      if (code === undefined)
        throw invalidArgument(`Invalid detach keys provided: unknown character: '${key}'`);
      return code;
    }),
  );
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
