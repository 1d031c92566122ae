import { connect } from "node:net";
import { BytesMessage } from "../../api/buildkit/control.ts";
import type { ServerCall } from "../../api/grpc/server.ts";

/** Connects a step of the build with the agent that listens at `path`. */
export async function forwardAgent(call: ServerCall, path: string): Promise<void> {
  const socket = connect(path);
  call.signal.addEventListener("abort", () => socket.destroy(), { once: true });
  const asking = (async () => {
    for await (const bytes of call.messages()) socket.write(BytesMessage.decode(bytes).data);
    socket.end();
  })();
  asking.catch(() => socket.destroy());
  for await (const data of socket) await call.send(BytesMessage.encode({ data }));
}
