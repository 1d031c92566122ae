import { createHash, createHmac } from "node:crypto";
import type { S3Options } from "./s3.ts";

/** S3's least size of a part that is not the last one, and its most parts ("Multipart upload limits"). */
const leastPart = 5 * 1024 * 1024;
const mostParts = 10_000;

/** An object that becomes part of another. */
export interface CopySource {
  key: string;
  size: number;
}

/**
 * Joins objects of a bucket within the bucket, so that their bytes do not travel again: CopyObject for one,
 * UploadPartCopy for several. Bun's client has neither.
 */
export class S3Copier {
  readonly #options: S3Options;
  readonly #region: string;
  readonly #bucketUrl: string;

  constructor(options: S3Options) {
    this.#options = options;
    this.#region = options.region ?? "us-east-1";
    const endpoint = options.endpoint ?? `https://s3.${this.#region}.amazonaws.com`;
    this.#bucketUrl = `${endpoint.replace(/\/+$/, "")}/${options.bucket}`;
  }

  /** Makes `to` of `sources`. False when the server does not do that, and nothing has been made. */
  async join(sources: readonly CopySource[], to: string): Promise<boolean> {
    const [first] = sources;
    if (first === undefined || sources.length > mostParts) return false;
    if (sources.length === 1) return (await this.#copy(first, to, {})) !== undefined;
    if (sources.slice(0, -1).some(({ size }) => size < leastPart)) return false;
    const started = await this.#send("POST", to, { uploads: "" });
    const uploadId = valueOfTag(started, "UploadId");
    if (uploadId === undefined) return false;
    const done = await this.#joinParts(sources, to, uploadId);
    if (!done) await this.#send("DELETE", to, { uploadId });
    return done;
  }

  async #joinParts(sources: readonly CopySource[], to: string, uploadId: string): Promise<boolean> {
    let parts = "";
    for (const [index, source] of sources.entries()) {
      const partNumber = String(index + 1);
      const tag = await this.#copy(source, to, { partNumber, uploadId });
      if (tag === undefined) return false;
      parts += `<Part><PartNumber>${partNumber}</PartNumber><ETag>${tag}</ETag></Part>`;
    }
    const body = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`;
    // An error may come with status 200, after a while of white space: only what was made has an ETag.
    return valueOfTag(await this.#send("POST", to, { uploadId }, { body }), "ETag") !== undefined;
  }

  /** The ETag of the copy, as XML has it; undefined when there is none. */
  async #copy(source: CopySource, to: string, query: Record<string, string>): Promise<string | undefined> {
    const copySource = `/${this.#options.bucket}/${encodeKey(source.key)}`;
    return valueOfTag(await this.#send("PUT", to, query, { copySource }), "ETag");
  }

  /** The body of an answer, or undefined when it is an error. */
  async #send(
    method: string,
    key: string,
    query: Record<string, string>,
    { body = "", copySource }: { body?: string; copySource?: string } = {},
  ): Promise<string | undefined> {
    const search = Object.keys(query)
      .sort()
      .map((name) => `${encode(name)}=${encode(query[name] ?? "")}`)
      .join("&");
    const url = new URL(`${this.#bucketUrl}/${encodeKey(key)}?${search}`);
    const headers: Record<string, string> = {
      host: url.host,
      "x-amz-content-sha256": sha256(body),
      "x-amz-date": new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
      ...(copySource !== undefined && { "x-amz-copy-source": copySource }),
    };
    const authorization = this.#sign(method, url.pathname, search, headers);
    const init = { method, headers: { ...headers, authorization }, ...(body !== "" && { body }) };
    const answer = await fetch(url, init);
    const text = await answer.text();
    return answer.ok ? text : undefined;
  }

  /** AWS Signature Version 4 ("Create a signed AWS API request"). */
  #sign(method: string, path: string, search: string, headers: Record<string, string>): string {
    const { accessKeyId, secretAccessKey } = this.#options;
    const names = Object.keys(headers).sort();
    const signed = names.join(";");
    const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
    const request = [method, path, search, lines, signed, headers["x-amz-content-sha256"]].join("\n");
    const time = headers["x-amz-date"] ?? "";
    const scope = [time.slice(0, 8), this.#region, "s3", "aws4_request"];
    const text = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(request)].join("\n");
    const key = scope.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${secretAccessKey}`);
    const signature = hmac(key, text).toString("hex");
    return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope.join("/")}, SignedHeaders=${signed}, Signature=${signature}`;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** RFC 3986's unreserved characters stay, as Signature Version 4 wants it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function encodeKey(key: string): string {
  return key.split("/").map(encode).join("/");
}

function valueOfTag(xml: string | undefined, tag: string): string | undefined {
  return xml && new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(xml)?.[1];
}
