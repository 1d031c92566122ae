import {
  contentMethods,
  contentStoreHeader,
  InfoRequest,
  InfoResponse,
  IngestRequest,
  ReadContentRequest,
  ReadContentResponse,
  WriteContentRequest,
  WriteContentResponse,
  writeActions,
} from "../../api/buildkit/content.ts";
import { Empty } from "../../api/buildkit/control.ts";
import { type Method, type ServerCall, unary } from "../../api/grpc/server.ts";
import { GrpcError, grpcNumbers } from "../../api/grpc/status.ts";
import { invalidArgument, notFound } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ContentFolder, ContentWriter } from "./content-store.ts";

/** Folders with images and caches, by the name that the builder calls them. */
export type Stores = ReadonlyMap<string, ContentFolder>;

/** The methods by which a builder reads and writes the content in folders of the client. */
export function contentServices(stores: Stores): [string, Method][] {
  return [
    [
      contentMethods.info,
      unary(InfoRequest, InfoResponse, ({ digest }, call) => {
        const size = storeOf(stores, call).size(digest as Digest);
        if (size === undefined) throw notFound(`content ${digest}: not found`);
        return { info: { digest, size, created_at: undefined, updated_at: undefined, labels: {} } };
      }),
    ],
    [contentMethods.read, (call) => read(call, stores)],
    [contentMethods.write, (call) => write(call, stores)],
    // What was not written to its end is not kept: there is nothing to go on with.
    [
      contentMethods.status,
      unary(IngestRequest, Empty, ({ ref }) => {
        throw notFound(`ingest ${ref}: not found`);
      }),
    ],
    [contentMethods.listStatuses, unary(Empty, Empty, () => ({}))],
    [contentMethods.abort, unary(IngestRequest, Empty, () => ({}))],
  ];
}

function storeOf(stores: Stores, { metadata }: ServerCall): ContentFolder {
  const id = String(metadata[contentStoreHeader] ?? "");
  const store = stores.get(id);
  if (store === undefined) throw notFound(`unknown store ${id}`);
  return store;
}

async function read(call: ServerCall, stores: Stores): Promise<void> {
  const store = storeOf(stores, call);
  for await (const message of call.messages()) {
    const { digest, offset, size } = ReadContentRequest.decode(message);
    let at = offset;
    for await (const chunk of store.read(digest as Digest, offset)) {
      const data = size > 0 ? chunk.subarray(0, offset + size - at) : chunk;
      if (data.length === 0) break;
      await call.send(ReadContentResponse.encode({ offset: at, data }));
      at += data.length;
    }
    return;
  }
}

async function write(call: ServerCall, stores: Stores): Promise<void> {
  const store = storeOf(stores, call);
  let writer: ContentWriter | undefined;
  let expected = "";
  let total = 0;
  try {
    for await (const message of call.messages()) {
      const request = WriteContentRequest.decode(message);
      total = request.total || total;
      if (request.expected !== "" && request.expected !== expected) {
        expected = request.expected;
        if (store.size(expected as Digest) !== undefined) {
          throw new GrpcError(grpcNumbers.alreadyExists, `blob with expected digest ${expected} exists`);
        }
      }
      writer ??= store.writer(expected as Digest);
      if (request.action !== writeActions.stat) put(writer, request.offset, request.data);
      if (request.action === writeActions.commit) writer.commit(total);
      const digest = request.action === writeActions.commit ? expected : "";
      const { offset } = writer;
      await call.send(WriteContentResponse.encode({ action: request.action, offset, total, digest }));
      if (request.action === writeActions.commit) return;
    }
    throw invalidArgument("a blob was not written to its end");
  } finally {
    writer?.[Symbol.dispose]();
  }
}

function put(writer: ContentWriter, offset: number, data: Uint8Array): void {
  if (offset === 0 && writer.offset > 0 && data.length > 0) writer.restart();
  else if (offset > 0 && offset !== writer.offset) {
    throw new GrpcError(
      grpcNumbers.outOfRange,
      `write @${offset} must occur at current offset ${writer.offset}`,
    );
  }
  writer.write(data);
}
