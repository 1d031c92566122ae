import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Arrival } from "../archive/arrival.ts";
import { invalidArgument, unavailable } from "../base/errors.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import type { BlobDescriptor, BlobWriter } from "./blobs.ts";

/** Bytes are collected up to this before they are written. */
const bufferSize = 1024 * 1024;

/**
 * One blob on its way: a file that grows, with a running hash. Opened again after a restart it goes on where the file
 * ends. Owned by the blob store.
 */
export class Ingest implements BlobWriter, AsyncDisposable {
  readonly digest: Digest;
  readonly size: number;
  readonly signal: AbortSignal;
  readonly path: string;
  readonly #onProgress: (offset: number) => void;
  #file: FileHandle | undefined;
  #hash: Hash;
  /** Bytes in the file, and in the buffer after them. */
  #written = 0;
  #buffered = 0;
  #buffer: Buffer | undefined;
  #arrival = new Arrival();
  #isWhole = false;

  constructor(blob: BlobDescriptor, path: string, signal: AbortSignal, onProgress: (offset: number) => void) {
    this.digest = blob.digest;
    this.size = blob.size;
    this.path = path;
    this.signal = signal;
    this.#onProgress = onProgress;
    this.#hash = createHash(algorithmOf(blob.digest));
  }

  get offset(): number {
    return this.#written + this.#buffered;
  }

  /** Opens the file, and reads what is there of it into the hash. */
  async open(): Promise<void> {
    this.#file = await open(this.path, "a+", 0o600);
    const { size } = await this.#file.stat();
    if (size > this.size) await this.restart();
    else await this.#rehash(size);
    if (this.offset > 0) this.#onProgress(this.offset);
  }

  async #rehash(size: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(bufferSize);
    while (this.#written < size) {
      const { bytesRead } = await this.#handle().read(buffer, 0, bufferSize, this.#written);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#written += bytesRead;
    }
    this.#arrival.advance(this.#written);
  }

  #handle(): FileHandle {
    if (!this.#file) throw new Error("the ingest is not open");
    return this.#file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.offset + chunk.length > this.size) {
      await this.restart();
      throw invalidArgument(`blob ${this.digest} is larger than its ${this.size} bytes`);
    }
    this.#hash.update(chunk);
    for (let at = 0; at < chunk.length; ) {
      this.#buffer ??= Buffer.allocUnsafe(bufferSize);
      const piece = chunk.subarray(at, at + bufferSize - this.#buffered);
      this.#buffer.set(piece, this.#buffered);
      this.#buffered += piece.length;
      at += piece.length;
      if (this.#buffered === bufferSize) await this.#flush();
    }
    this.#onProgress(this.offset);
  }

  async #flush(): Promise<void> {
    const buffer = this.#buffer?.subarray(0, this.#buffered) ?? Buffer.alloc(0);
    for (let at = 0; at < buffer.length; ) {
      at += (await this.#handle().write(buffer, at, buffer.length - at)).bytesWritten;
    }
    this.#written += this.#buffered;
    this.#buffered = 0;
    this.#arrival.advance(this.#written);
  }

  async restart(): Promise<void> {
    this.#arrival.abort();
    this.#arrival = new Arrival();
    this.#isWhole = false;
    this.#hash = createHash(algorithmOf(this.digest));
    this.#written = 0;
    this.#buffered = 0;
    await this.#handle().truncate(0);
  }

  /** For a Worker that reads the file while it grows; it is told of the end also when it asks after it. */
  arrival(): SharedArrayBuffer {
    return this.#arrival.shared;
  }

  /**
   * All has been written: makes it durable, and checks it. Throws `unavailable` when bytes are missing,
   * `invalidArgument` when they are wrong.
   */
  async finish(): Promise<void> {
    await this.#flush();
    if (this.#written < this.size) throw unavailable("unexpected EOF");
    this.#arrival.complete();
    this.#isWhole = true;
    const actual = `${algorithmOf(this.digest)}:${this.#hash.digest("hex")}`;
    if (actual !== this.digest) {
      await this.restart();
      throw invalidArgument(`blob does not have its digest: expected ${this.digest}, got ${actual}`);
    }
    await this.#handle().sync();
  }

  /** Keeps in the file what came, for the next attempt, and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#file && this.#buffered > 0) await this.#flush();
    } finally {
      // Whoever reads along must not wait for more.
      if (!this.#isWhole) this.#arrival.abort();
      await this.#file?.close();
    }
  }
}
