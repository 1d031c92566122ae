import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { sha256Of } from "../../src/oci/digester.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { defaultRegistryOptions, type RegistryOptions } from "../../src/registry/registry.ts";
import { serveRegistry } from "../../src/registry/server.ts";
import { RegistryStore } from "../../src/registry/store.ts";

/** A registry of its own for one test, in a folder of its own, on a port of its own. */
export class TestRegistry implements AsyncDisposable {
  readonly root: string;
  readonly url: string;
  readonly store: RegistryStore;
  readonly #stop: () => Promise<void>;

  private constructor(root: string, url: string, store: RegistryStore, stop: () => Promise<void>) {
    this.root = root;
    this.url = url;
    this.store = store;
    this.#stop = stop;
  }

  static async start(
    options: Partial<RegistryOptions> = {},
    clock: Clock = systemClock,
  ): Promise<TestRegistry> {
    const root = await mkdtemp("/tmp/registry-test-");
    const store = await RegistryStore.open(join(root, "data"), clock);
    const all = { ...defaultRegistryOptions, ...options };
    const server = await serveRegistry(store, {
      host: "127.0.0.1",
      port: 0,
      log: silentLogger,
      options: all,
    });
    return new TestRegistry(root, server.url, store, server.stop);
  }

  /** `127.0.0.1:…`, as it stands in the name of an image. */
  get host(): string {
    return new URL(this.url).host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await this.store[Symbol.asyncDispose]();
    await rm(this.root, { recursive: true });
  }

  /** Sent with every request: `user:password`, or a token. */
  credentials: string | undefined;

  get #authorization(): Record<string, string> {
    if (this.credentials === undefined) return {};
    if (!this.credentials.includes(":")) return { Authorization: `Bearer ${this.credentials}` };
    return { Authorization: `Basic ${Buffer.from(this.credentials).toString("base64")}` };
  }

  /** One request; `path` is below /v2/, or a `Location` that the registry gave. */
  fetch(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path.startsWith("/") ? path : `/v2/${path}`, this.url);
    return fetch(url, { ...init, method, headers: { ...this.#authorization, ...init.headers } });
  }

  /** Pushes a blob, and returns what a manifest says of it. */
  async pushBlob(
    name: string,
    content: string | Uint8Array<ArrayBuffer>,
    mediaType: string = mediaTypes.ociLayer,
  ) {
    const digest = sha256Of(content);
    const answer = await this.fetch("POST", `${name}/blobs/uploads/?digest=${digest}`, { body: content });
    expect(answer.status).toBe(201);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  }

  /** Puts a document as it is. */
  putManifest(name: string, reference: string, document: unknown, type?: string): Promise<Response> {
    const declared = type ?? (document as { mediaType?: string }).mediaType ?? mediaTypes.ociManifest;
    return this.fetch("PUT", `${name}/manifests/${reference}`, {
      body: JSON.stringify(document),
      headers: { "Content-Type": declared },
    });
  }

  /** Pushes a small image with one layer of `content`; returns its digest and its document. */
  async pushImage(name: string, tag: string, content: string, more: object = {}) {
    const config = await this.pushBlob(name, `{"config of":"${content}"}`, mediaTypes.ociConfig);
    const layers = [await this.pushBlob(name, content)];
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...more };
    const answer = await this.putManifest(name, tag, document);
    expect(answer.status).toBe(201);
    const text = JSON.stringify(document);
    const digest: Digest = sha256Of(text);
    return { digest, document, descriptor: { mediaType: document.mediaType, digest, size: text.length } };
  }
}

/** The codes of an error answer. */
export async function codesOf(answer: Response): Promise<string[]> {
  const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] };
  for (const { message } of errors) expect(message).toBeString();
  return errors.map(({ code }) => code);
}

/** The part of an answer that a table can expect. */
export async function summary(answer: Response): Promise<[number, string]> {
  return [answer.status, (await codesOf(answer)).join(" ")];
}
