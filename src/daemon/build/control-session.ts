import { BytesMessage } from "../../api/buildkit/control.ts";
import type { ServerCall } from "../../api/grpc/server.ts";
import type { Wire } from "../../api/http2/frame-writer.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { Sessions } from "../../builder/session/sessions.ts";

/**
 * `Control.Session`: a session within a call, whose messages are the bytes of its connection. By it a client that builds
 * several targets lets them share a folder.
 */
export async function controlSession(call: ServerCall, sessions: Sessions): Promise<void> {
  const named = (name: string) => call.metadata[`x-docker-expose-session-${name}`] ?? [];
  const [id = ""] = named("uuid");
  if (id === "") throw invalidArgument("a session needs an id");
  const [sharedKey = ""] = named("sharedkey");
  await sessions.serve({ id, sharedKey, methods: named("grpc-method") }, wireWithin(call));
}

function wireWithin(call: ServerCall): Wire {
  const messages = call.messages()[Symbol.asyncIterator]();
  return {
    async read() {
      try {
        const { done, value } = await messages.next();
        return done ? undefined : BytesMessage.decode(value).data;
      } catch {
        // The client is gone: that is how a connection ends.
        return undefined;
      }
    },
    async write(data) {
      await call.send(BytesMessage.encode({ data }));
      return !call.signal.aborted;
    },
    destroy() {
      void messages.return?.();
    },
  };
}
