import { sessionMethods } from "../../api/buildkit/session.ts";
import type { Fields } from "../../api/http2/hpack.ts";
import type { FileList } from "../../archive/file-list.ts";
import { type OnBytes, type ReceiveTarget, receiveFiles } from "../../filesync/receive.ts";
import type { ClientSession } from "./client-session.ts";

/** What is asked of a client's folder. */
export interface FilesRequest {
  /** Which of the folders that it offers. */
  name: string;
  /** As in `.dockerignore`. */
  exclude: readonly string[];
  /** Only these, with what symbolic links on the way name; undefined for all. */
  follow: readonly string[] | undefined;
}

/** Gets what has changed of a client's folder: see `receiveFiles`. */
export async function requestFiles(
  session: ClientSession,
  request: FilesRequest,
  target: ReceiveTarget,
  { onBytes, signal }: { onBytes: OnBytes; signal: AbortSignal },
): Promise<FileList> {
  const call = session.rpc.open(sessionMethods.readFiles, metadataOf(request), signal);
  try {
    return await receiveFiles(call, target, { onBytes, end: () => call.end() });
  } finally {
    call.destroy();
  }
}

function metadataOf({ name, exclude, follow }: FilesRequest): Fields {
  const fields: Record<string, readonly string[]> = {
    "dir-name": [name],
    "exclude-patterns": exclude,
    ...(follow && { followpaths: follow }),
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, values]): [string, readonly string[]][] => {
      if (values.length === 0) return [];
      // Header fields are ASCII; what is not is told to be encoded.
      if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return [[key, values]];
      const encoded = values.map((value) => encodeURIComponent(value).replaceAll("%20", "+"));
      return [
        [key, encoded],
        [`${key}-encoded`, ["1"]],
      ];
    }),
  );
}
