import { createHash, type Hash } from "node:crypto";
import { Transform } from "node:stream";

/** Hands on what it gets, and knows its digest at the end. */
export class HashingStream extends Transform {
  readonly #algorithm: string;
  readonly #hash: Hash;

  constructor(algorithm: "sha256" | "sha384" | "sha512" = "sha256") {
    super();
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    done(null, chunk);
  }

  /** `sha256:…`. To be called once, when all has gone through. */
  digest(): string {
    return `${this.#algorithm}:${this.#hash.digest("hex")}`;
  }
}
