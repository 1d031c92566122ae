import {
  contentMethods,
  contentStoreHeader,
  ReadContentRequest,
  ReadContentResponse,
  WriteContentRequest,
  WriteContentResponse,
  writeActions,
} from "../../api/buildkit/content.ts";
import type { GrpcCall } from "../../api/grpc/client.ts";
import { GrpcError, grpcNumbers } from "../../api/grpc/status.ts";
import { internal, invalidArgument, isEngineError, notFound } from "../../base/errors.ts";
import type { BlobDescriptor, BlobStore } from "../../images/blobs.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestLike } from "../../oci/digester.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { ContentReader, FetchOptions } from "../content-reader.ts";
import type { ClientSession } from "./client-session.ts";

/** gRPC messages of Go have at most 4 MB where nobody says otherwise. */
const pieceSize = 512 * 1024;

/** A folder of the client, in the form of an OCI image layout: a cache, or images that are read or written. */
export class ClientContent implements ContentReader {
  readonly #session: ClientSession;
  readonly #id: string;
  readonly #top: Digest | undefined;

  /**
   * `store`: as the client calls it (`local:` and the folder of a cache, `oci:` and a name, `export`); `top`: the manifest
   * that is read first. Throws `invalidArgument` when the client serves no such folders.
   */
  constructor(session: ClientSession, store: string, top?: Digest) {
    if (!session.offers("readContent") || !session.offers("writeContent")) {
      throw invalidArgument("the client gives no access to folders of content");
    }
    this.#session = session;
    this.#id = store;
    this.#top = top;
  }

  top(signal: AbortSignal) {
    if (this.#top === undefined) throw invalidArgument("local cache importer requires explicit digest");
    return this.document(this.#top, signal);
  }

  async document(digest: Digest, signal: AbortSignal) {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.#read(digest, 0, signal)) {
      size += piece.length;
      if (size > maxDocument) throw invalidArgument(`manifest ${digest} is too large`);
      pieces.push(piece);
    }
    const bytes = Buffer.concat(pieces);
    if (digestLike(digest, bytes) !== digest)
      throw invalidArgument(`blob does not have its digest: ${digest}`);
    return { bytes, mediaType: "" };
  }

  stream({ digest }: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#read(digest, 0, signal);
  }

  async fetch(
    { digest, size }: Descriptor,
    blobs: BlobStore,
    { signal, onProgress }: FetchOptions,
  ): Promise<void> {
    await blobs.ingest(
      { digest, size },
      async (writer) => {
        for await (const piece of this.#read(digest, writer.offset, writer.signal)) await writer.write(piece);
      },
      { signal, onProgress },
    );
  }

  #open(method: string, signal: AbortSignal): GrpcCall {
    return this.#session.rpc.open(method, { [contentStoreHeader]: [this.#id] }, signal);
  }

  async *#read(digest: Digest, offset: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    const call = this.#open(contentMethods.read, signal);
    await call.send(ReadContentRequest.encode({ digest, offset }));
    call.end();
    try {
      for await (const message of call.messages()) yield ReadContentResponse.decode(message).data as Buffer;
    } catch (error) {
      throw isEngineError(error, "notFound") ? notFound(`content digest ${digest}: not found`, error) : error;
    }
  }

  /** Writes a blob into the folder, unless it is there. */
  async write(
    { digest, size }: BlobDescriptor,
    content: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const call = this.#open(contentMethods.write, signal);
    const answers = call.messages();
    try {
      const request = { ref: digest, total: size, expected: digest };
      const { offset: from } = await ask(call, answers, { ...request, action: writeActions.stat });
      let offset = from;
      for await (const chunk of content(offset)) {
        for (let at = 0; at < chunk.length; at += pieceSize) {
          const data = chunk.subarray(at, at + pieceSize);
          await ask(call, answers, { ...request, action: writeActions.write, offset, data });
          offset += data.length;
        }
      }
      await ask(call, answers, { ...request, action: writeActions.commit, offset });
    } catch (error) {
      if (!(error instanceof GrpcError) || error.number !== grpcNumbers.alreadyExists) throw error;
    } finally {
      call.end();
      await answers.return(undefined);
    }
  }
}

const maxDocument = 4 * 1024 * 1024;

/** One message and its answer: the next one is not sent before, so that nothing piles up. */
async function ask(
  call: GrpcCall,
  answers: AsyncGenerator<Buffer>,
  request: Partial<WriteContentRequest>,
): Promise<{ offset: number }> {
  await call.send(WriteContentRequest.encode(request));
  const { done, value } = await answers.next();
  if (done) throw internal("the client ended a transfer before its end");
  return WriteContentResponse.decode(value);
}
