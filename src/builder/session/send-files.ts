import { BytesMessage } from "../../api/buildkit/control.ts";
import { sessionMethods } from "../../api/buildkit/session.ts";
import type { GrpcCall } from "../../api/grpc/client.ts";
import type { Fields } from "../../api/http2/hpack.ts";
import { invalidArgument } from "../../base/errors.ts";
import { sendFiles } from "../../filesync/send.ts";
import { walk } from "../../filesync/walk.ts";
import type { ClientSession } from "./client-session.ts";

/** `number`: which of the client's outputs is meant, where it has several. */
function open(session: ClientSession, number: number, signal: AbortSignal): GrpcCall {
  if (!session.offers("sendFiles")) throw invalidArgument("the client takes no files of a build's output");
  const metadata: Fields = { "buildkit-attachable-exporter-id": [String(number)] };
  return session.rpc.open(sessionMethods.sendFiles, metadata, signal);
}

/** Sends a file, made while it is sent, to where the client wants its output. */
export async function sendStream(
  session: ClientSession,
  pieces: AsyncIterable<Uint8Array>,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<void> {
  const call = open(session, number, signal);
  const answers = drained(call);
  // The call tells of its failure below.
  answers.catch(() => {});
  for await (const data of pieces) {
    if (call.isOver) break;
    await call.send(BytesMessage.encode({ data }));
  }
  call.end();
  await answers;
}

async function drained(call: GrpcCall): Promise<void> {
  for await (const _ of call.messages());
}

/** Sends the tree at `directory` to where the client wants its output (fsutil's protocol). */
export async function sendTree(
  session: ClientSession,
  directory: string,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<void> {
  const call = open(session, number, signal);
  try {
    await sendFiles(call, directory, walk(directory));
    call.end();
  } finally {
    call.destroy();
  }
}
