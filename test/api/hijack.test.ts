import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { notFound } from "../../src/base/errors.ts";
import { defineHandlers, type HijackFormat } from "../../src/daemon/http/handler.ts";
import { RawClient, serve } from "./fixture.ts";

interface Seen {
  input: string;
  ended: boolean;
  aborted: boolean;
}

/** A container that says `ready`, counts what it is told until the end of input, and says how much that was. */
function counting(seen: Seen, format: HijackFormat = "raw") {
  return defineHandlers({
    ContainerAttach: async ({ params, signal }, reply) => {
      if (params.id === "none") throw notFound("No such container: none");
      signal.addEventListener("abort", () => {
        seen.aborted = true;
      });
      const stream = reply.hijack(format);
      stream.write("ready\n");
      stream.on("data", (bytes) => {
        seen.input += bytes;
      });
      stream.on("end", () => {
        seen.ended = true;
        stream.write(`input has ended after ${seen.input.length}\n`);
        stream.end("bye\n");
      });
      await once(stream, "close").catch(() => {});
    },
    ExecStart: ({ body }) => {
      if (!body?.Detach) throw notFound("no");
      return Promise.resolve();
    },
  });
}
const nothingSeen = (): Seen => ({ input: "", ended: false, aborted: false });
const attach = "POST /v1.47/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n";
const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

describe("taking over a connection", () => {
  test.each([
    ["with an upgrade", upgrade, "HTTP/1.1 101 UPGRADED", "Connection: Upgrade\r\nUpgrade: tcp\r\n"],
    ["without one", "\r\n", "HTTP/1.1 200 OK", "Api-Version: 1.55\r\n"],
  ])("%s: the end of input arrives, output flows on after it", async (_, rest, status, header) => {
    const seen = nothingSeen();
    await using server = await serve(counting(seen));
    using client = await RawClient.connect(server.path);
    client.send(attach + rest);
    const head = await client.until("ready\n");
    expect(head).toStartWith(`${status}\r\nContent-Type: application/vnd.docker.raw-stream\r\n`);
    expect(head).toContain(header);
    client.send("hello");
    client.halfClose();
    expect(await client.all()).toEndWith("ready\ninput has ended after 5\nbye\n");
    expect(seen).toMatchObject({ input: "hello", ended: true });
  });

  test("what the client sends with its request is input", async () => {
    const seen = nothingSeen();
    await using server = await serve(counting(seen));
    using client = await RawClient.connect(server.path);
    client.send(`${attach + upgrade}early`);
    client.halfClose();
    await client.all();
    expect(seen.input).toBe("early");
  });

  test("a client that is gone is seen, and is not the end of input", async () => {
    const seen = nothingSeen();
    await using server = await serve(counting(seen));
    {
      using client = await RawClient.connect(server.path);
      client.send(attach + upgrade);
      await client.until("ready\n");
      client.send("hello");
    }
    while (server.server.connections > 0) await Bun.sleep(5);
    expect(seen.aborted).toBe(true);
  });

  test("frames are named to clients that know the name", async () => {
    await using server = await serve(counting(nothingSeen(), "multiplexed"));
    for (const [version, type] of [
      ["1.42", "multiplexed"],
      ["1.41", "raw"],
    ]) {
      using client = await RawClient.connect(server.path);
      client.send(attach.replace("1.47", version ?? "") + upgrade);
      expect(await client.until("ready\n")).toContain(
        `Content-Type: application/vnd.docker.${type}-stream\r\n`,
      );
    }
  });

  test("an error before it is an ordinary answer, and the connection lives on", async () => {
    await using server = await serve(counting(nothingSeen()));
    using client = await RawClient.connect(server.path);
    client.send(attach.replace("/x/", "/none/") + upgrade);
    await client.until('{"message":"No such container: none"}\n');
    client.send(
      'POST /exec/x/start HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"detach":true}',
    );
    await client.until("HTTP/1.1 200 OK");
  });

  test("a client that reads slowly slows the writer down, and gets all", async () => {
    const size = 8 * 1024 * 1024;
    let waited = 0;
    const handlers = defineHandlers({
      ContainerAttach: async (_request, reply) => {
        const stream = reply.hijack("raw");
        for (let sent = 0; sent < size; sent += 65536) {
          if (!stream.write(Buffer.alloc(65536, "x"))) {
            waited++;
            await once(stream, "drain");
          }
        }
        stream.end();
      },
    });
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send(attach + upgrade);
    const text = await client.all();
    expect(text.length - text.indexOf("\r\n\r\n") - 4).toBe(size);
    expect(waited).toBeGreaterThan(10);
  });

  test("HTTP/2 may follow: the upgrade is the one that was asked for", async () => {
    const handlers = defineHandlers({
      Grpc: async (_request, reply) => {
        await reply.upgrade().write(Buffer.from("PRI"));
      },
    });
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send("POST /grpc HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    const text = await client.all();
    expect(text).toStartWith("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n");
    expect(text).toEndWith("PRI");
  });
});

describe("a websocket", () => {
  test("carries input and output, and closes with the container", async () => {
    const handlers = defineHandlers({
      ContainerAttachWebsocket: async (_request, reply) => {
        const stream = reply.hijack("raw");
        let input = "";
        for await (const bytes of stream.iterator({ destroyOnReturn: false })) {
          input += bytes;
          if (input.endsWith("\n")) break;
        }
        stream.end(`${input.trim()} ${"x".repeat(100_000)}`);
        await once(stream, "close").catch(() => {});
      },
    });
    await using server = await serve(handlers, () => [{ kind: "tcp", host: "127.0.0.1", port: 0 }]);
    const socket = new WebSocket(
      `${server.addresses[0]?.replace("tcp", "ws")}/v1.47/containers/x/attach/ws?stream=1`,
    );
    let text = "";
    socket.onopen = () => {
      socket.send("hel");
      socket.send("lo\n");
    };
    socket.onmessage = ({ data }) => {
      text += Buffer.from(data as ArrayBuffer).toString();
    };
    socket.binaryType = "arraybuffer";
    const { code } = await new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    expect([text.length, text.slice(0, 7), code]).toEqual([100_006, "hello x", 1000]);
  });
});

describe("long answers", () => {
  test.each(["unix", "tcp"])("a client that leaves ends the handler's work, over %s", async (kind) => {
    let aborted = 0;
    let returned = 0;
    const handlers = defineHandlers({
      SystemEvents: async ({ signal }, reply) => {
        reply.flush();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        aborted++;
      },
      ContainerLogs: ({ signal }) => ({
        async *[Symbol.asyncIterator]() {
          try {
            yield Buffer.from("line\n");
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          } finally {
            returned++;
          }
        },
      }),
    });
    await using server = await serve(handlers, () => [{ kind: "tcp", host: "127.0.0.1", port: 0 }]);
    const { createClient } = await import("../../src/client/create.ts");
    const host = kind === "unix" ? `unix://${server.path}` : server.addresses[0];
    await using client = createClient({ host, version: "1.47" });
    const leave = new AbortController();
    await client.messages("SystemEvents", { signal: leave.signal });
    leave.abort();
    for await (const _ of await client.stream("ContainerLogs", { params: { id: "x" } })) break;
    while (server.server.connections > 0) await Bun.sleep(5);
    expect([aborted, returned]).toEqual([1, 1]);
  });
});
