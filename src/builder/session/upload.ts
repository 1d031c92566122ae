import { BytesMessage } from "../../api/buildkit/control.ts";
import { sessionMethods } from "../../api/buildkit/session.ts";
import type { ClientSession } from "./client-session.ts";

/** What stands for a host in the address of a context that the client has on its standard input. */
const uploadHost = "buildkit-session";

/** The archive that `remote` means, where it is one that the client sends itself; undefined for another address. */
export function uploadOf(
  session: ClientSession,
  remote: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> | undefined {
  if (!remote.startsWith(`http://${uploadHost}/`)) return undefined;
  const { pathname } = new URL(remote);
  return pull(session, pathname, signal);
}

async function* pull(
  session: ClientSession,
  urlpath: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const call = session.rpc.open(sessionMethods.upload, { urlpath: [urlpath], urlhost: [uploadHost] }, signal);
  call.end();
  for await (const message of call.messages()) yield BytesMessage.decode(message).data;
}
