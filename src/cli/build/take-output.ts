import { createWriteStream, mkdirSync, writeSync } from "node:fs";
import { finished } from "node:stream/promises";
import { BytesMessage } from "../../api/buildkit/control.ts";
import type { ServerCall } from "../../api/grpc/server.ts";
import { FileList } from "../../archive/file-list.ts";
import { invalidArgument } from "../../base/errors.ts";
import { receiveFiles } from "../../filesync/receive.ts";
import type { Destination } from "./session-services.ts";

/** Puts what the build sends as an output where it belongs. */
export async function takeOutput(call: ServerCall, destination: Destination): Promise<void> {
  if (destination === undefined) throw invalidArgument("the output has no destination");
  if (typeof destination === "object" && "folder" in destination) {
    const { folder: directory } = destination;
    mkdirSync(directory, { recursive: true });
    const begin = () => FileList.scratch(directory);
    using _ = await receiveFiles(call, { directory, known: undefined, begin, merge: true });
    return;
  }
  if (destination === "stdout") {
    for await (const bytes of call.messages()) writeSync(1, BytesMessage.decode(bytes).data);
    return;
  }
  const file = createWriteStream(destination.file);
  const written = finished(file);
  written.catch(() => {});
  for await (const bytes of call.messages()) {
    if (!file.write(BytesMessage.decode(bytes).data) && !file.destroyed) {
      await Promise.race([new Promise((resolve) => file.once("drain", resolve)), written]);
    }
  }
  file.end();
  await written;
}
