import { bodyOf, emptyBody } from "../api/http1/body.ts";
import type { Connection } from "../api/http1/connection.ts";
import { dialSocket } from "../api/http1/dial-socket.ts";
import { readHead } from "../api/http1/head.ts";
import type { TlsOptions } from "./http.ts";

/**
 * A GET whose body is read from the socket by ourselves, on a connection of its own. `fetch` reads ahead without limit,
 * and throws away what has arrived and was not read yet when the connection breaks: bytes that would have to come twice.
 * Rejects with the system's error when no answer comes, and when `signal` fires, which cuts the body too.
 */
export async function getStream(
  url: URL,
  headers: Readonly<Record<string, string>>,
  tls: TlsOptions | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const secure = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (secure ? 443 : 80);
  const options = secure ? { ...tls, verify: tls?.rejectUnauthorized !== false } : undefined;
  const dialing = dialSocket(
    { hostname, port },
    options,
    (error) => error ?? new Error("tls: handshake failed"),
  );
  const connection = await unlessAborted(dialing, signal);
  const cut = () => connection.destroy();
  signal.addEventListener("abort", cut, { once: true });
  connection.whenClosed(() => signal.removeEventListener("abort", cut));
  try {
    return await ask(connection, url, headers);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function unlessAborted(
  dialing: ReturnType<typeof dialSocket>,
  signal: AbortSignal,
): Promise<Connection> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return (await Promise.race([dialing, promise])).connection;
  } catch (error) {
    // It may still come to be.
    dialing.then(({ connection }) => connection.destroy()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function ask(
  connection: Connection,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const lines = Object.entries({ host: url.host, ...headers, connection: "close" }).map(
    ([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, " ")}\r\n`,
  );
  void connection.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`);
  for (;;) {
    const head = await readHead(connection);
    const code = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head?.start ?? "")?.[1];
    if (head === undefined || code === undefined)
      throw Object.assign(new Error("EOF"), { code: "ECONNRESET" });
    const status = Number(code);
    if (status < 200) continue;
    const bare = status === 204 || status === 304;
    const body = bare ? emptyBody : bodyOf(connection, head.headers, true);
    const init = { status, statusText: head.start.slice(13), headers: { ...head.headers } };
    if (!bare) return new Response(streamOf(body, connection), init);
    connection.destroy();
    return new Response(null, init);
  }
}

/** Hands out what has arrived before it fails. */
function streamOf(body: ReturnType<typeof bodyOf>, connection: Connection): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await body.next();
          if (bytes !== undefined) {
            controller.enqueue(bytes);
            return;
          }
        } catch (error) {
          // A peer that hung up leaves our half open.
          connection.destroy();
          throw error;
        }
        controller.close();
        connection.destroy();
      },
      cancel: () => connection.destroy(),
    },
    { highWaterMark: 0 },
  );
}
