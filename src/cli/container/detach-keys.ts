import { invalidArgument } from "../../base/errors.ts";

/** The keys that leave a container running when nothing else is asked for: Ctrl-P Ctrl-Q. */
export const defaultDetachKeys = [16, 17];

const control: Record<string, number> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** Reads `ctrl-a,b,ctrl-[`: single characters, and `ctrl-` with a letter or one of `@[\]^_`. */
export function parseDetachKeys(text: string): number[] {
  return text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    if (!/^ctrl-.$/.test(key)) throw invalidArgument(`Unknown character: '${key}'`);
    const last = key.slice(5);
    const code = control[last] ?? (/[a-z]/.test(last) ? last.charCodeAt(0) - 96 : undefined);
    if (code === undefined) throw invalidArgument(`Unknown character: '${key}'`);
    return code;
  });
}

/**
 * Watches the input for the detach keys. Keys that may be the beginning of them are held back until it is known
 * that they are not.
 */
export class DetachWatch {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What of `chunk` is to be sent; `detached` when the keys were complete. */
  push(chunk: Uint8Array): { readonly send: Uint8Array; readonly detached: boolean } {
    const send: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { send: Uint8Array.from(send), detached: true };
        continue;
      }
      send.push(...this.#keys.slice(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) send.push(byte);
      else if (this.#keys.length === 1) return { send: Uint8Array.from(send), detached: true };
    }
    return { send: Uint8Array.from(send), detached: false };
  }
}
