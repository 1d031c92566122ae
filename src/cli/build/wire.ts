import type { Wire } from "../../api/http2/frame-writer.ts";
import type { Hijacked } from "../../client/client.ts";

/** A connection that was taken over, for HTTP/2. */
export function wireOf(connection: Hijacked): Wire {
  const input = connection[Symbol.asyncIterator]();
  return {
    read: async () => {
      const { done, value } = await input.next();
      return done ? undefined : value;
    },
    write: (bytes) =>
      connection.write(bytes).then(
        () => true,
        () => false,
      ),
    destroy: () => connection.close(),
  };
}
