import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { conflict, notFound } from "../../src/base/errors.ts";
import { defineHandlers } from "../../src/daemon/http/handler.ts";
import { RawClient, serve } from "./fixture.ts";

const handlers = defineHandlers({
  SystemPing: (_request, reply) => {
    reply.header("Cache-Control", "no-cache");
    return "OK";
  },
  SystemPingHead: () => "OK",
  ContainerInspect: ({ params }) => {
    throw notFound(`No such container: ${params.id}`);
  },
  ContainerStart: () => {},
  ContainerKill: () => {
    throw conflict("container is not running");
  },
  ContainerRename: () => {
    throw new Error("a bug");
  },
  ContainerCreate: ({ body, version }) => ({
    Id: `${body.Image} ${body.HostConfig?.Memory} ${version}`,
    Warnings: [],
  }),
  ContainerExec: ({ body }) => ({ Id: JSON.stringify(body) }),
  ImageCreate: async ({ query }, reply) => {
    if (query.fromImage === "denied") throw notFound("pull access denied");
    await reply.send({ status: "Pulling", id: "latest" });
    throw notFound("manifest unknown");
  },
  ImageLoad: async ({ body }, reply) => {
    let size = 0;
    for await (const bytes of body) size += bytes.length;
    await reply.send({ stream: String(size) });
  },
  PutContainerArchive: () => {},
  ContainerExport: async function* () {
    yield Buffer.from("half");
    throw new Error("disk gone");
  },
  ContainerArchiveInfo: (_request, reply) => reply.header("X-Docker-Container-Path-Stat", "e30="),
});

const own = ["Server: Docker/1.2.3 (linux)", "Api-Version: 1.55", "Ostype: linux"];
const json = "Content-Type: application/json\r\n";
const post = (path: string, body: string, headers = json) =>
  `POST ${path} HTTP/1.1\r\nHost: d\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Sends one request on a connection of its own and gives status line, header lines and body of the answer. */
async function ask(path: string, request: string) {
  using client = await RawClient.connect(path);
  client.send(request.replace("\r\n", "\r\nConnection: close\r\n"));
  const [head = "", ...body] = (await client.all()).split("\r\n\r\n");
  const [status, ...headers] = head.split("\r\n");
  return { status, headers, body: body.join("\r\n\r\n") };
}

describe("requests over a unix socket", () => {
  const cases: [what: string, request: string, status: string, body: string][] = [
    ["a ping", "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n", "200 OK", "OK"],
    ["a ping without body", "HEAD /v1.30/_ping HTTP/1.1\r\nHost: d\r\n\r\n", "200 OK", ""],
    ["no such path", "GET /nope HTTP/1.1\r\n\r\n", "404 Not Found", '{"message":"page not found"}\n'],
    ["no such method", "PUT /_ping HTTP/1.1\r\n\r\n", "404 Not Found", '{"message":"page not found"}\n'],
    [
      "a client that is too old",
      "GET /v1.12/_ping HTTP/1.1\r\n\r\n",
      "400 Bad Request",
      '{"message":"client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}\n',
    ],
    [
      "a client that is too new",
      "GET /v1.56/_ping HTTP/1.1\r\n\r\n",
      "400 Bad Request",
      '{"message":"client version 1.56 is too new. Maximum supported API version is 1.55"}\n',
    ],
    [
      "an operation that the version lacks",
      post("/v1.24/containers/prune", "", ""),
      "404 Not Found",
      '{"message":"page not found"}\n',
    ],
    [
      "an expected error",
      "GET /containers/x/json HTTP/1.1\r\n\r\n",
      "404 Not Found",
      '{"message":"No such container: x"}\n',
    ],
    [
      "a conflict",
      post("/containers/x/kill", "", ""),
      "409 Conflict",
      '{"message":"container is not running"}\n',
    ],
    ["a bug", post("/containers/x/rename", "", ""), "500 Internal Server Error", '{"message":"a bug"}\n'],
    ["no content", post("/containers/x/start", "", ""), "204 No Content", ""],
    [
      "JSON keys in any case",
      post("/v1.47/containers/create", '{"image":"a","hostCONFIG":{"memory":7}}'),
      "201 Created",
      '{"Id":"a 7 1.47","Warnings":[]}\n',
    ],
    [
      "a body of the wrong type",
      post("/containers/create", "{}", "Content-Type: text/plain\r\n"),
      "400 Bad Request",
      `{"message":"unsupported Content-Type header (text/plain): must be 'application/json'"}\n`,
    ],
    [
      "no body where one is needed",
      post("/containers/create", ""),
      "400 Bad Request",
      '{"message":"invalid JSON: got EOF while reading request body"}\n',
    ],
    [
      "two JSON values",
      post("/containers/create", "{} {}"),
      "400 Bad Request",
      '{"message":"unexpected content after JSON"}\n',
    ],
    ["a body that may be empty", post("/containers/x/exec", "", ""), "201 Created", '{"Id":"{}"}\n'],
    [
      "an operation without a handler",
      "GET /info HTTP/1.1\r\n\r\n",
      "501 Not Implemented",
      '{"message":"SystemInfo is not supported"}\n',
    ],
    [
      "a web page of another site",
      "GET /_ping HTTP/1.1\r\nHost: localhost:2375\r\nOrigin: http://evil.example\r\n\r\n",
      "403 Forbidden",
      '{"message":"requests from web pages of other origins are not allowed"}\n',
    ],
    ["no HTTP", "HELLO\r\n\r\n", "400 Bad Request", "400 Bad Request: malformed HTTP request"],
    [
      "a pull that fails at once",
      post("/images/create?fromImage=denied", "", ""),
      "404 Not Found",
      '{"message":"pull access denied"}\n',
    ],
  ];
  test.each(cases)("%s", async (_, request, status, body) => {
    await using server = await serve(handlers);
    const answer = await ask(server.path, request);
    expect([answer.status, answer.body]).toEqual([`HTTP/1.1 ${status}`, body]);
  });

  test("headers are those that clients negotiate by", async () => {
    await using server = await serve(handlers);
    const ping = await ask(server.path, "GET /_ping HTTP/1.1\r\n\r\n");
    for (const line of [
      ...own,
      "Docker-Experimental: false",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Length: 2",
      "Cache-Control: no-cache",
    ]) {
      expect(ping.headers).toContain(line);
    }
    const tooNew = await ask(server.path, "GET /v9.9/_ping HTTP/1.1\r\n\r\n");
    for (const line of own) expect(tooNew.headers).toContain(line);
    const stat = await ask(server.path, "HEAD /containers/x/archive?path=/ HTTP/1.1\r\n\r\n");
    expect(stat.headers).toContain("X-Docker-Container-Path-Stat: e30=");
  });

  test("an error after progress began is the last message", async () => {
    await using server = await serve(handlers);
    const { status, body } = await ask(server.path, post("/images/create?fromImage=a", "", ""));
    expect(status).toBe("HTTP/1.1 200 OK");
    expect(body).toContain('{"status":"Pulling","id":"latest"}\n');
    expect(body).toContain(
      '{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n\r\n0\r\n',
    );
  });

  test("a stream that fails has no end, so that nobody takes it for whole", async () => {
    await using server = await serve(handlers);
    const { body } = await ask(server.path, "GET /containers/x/export HTTP/1.1\r\n\r\n");
    expect(body).toBe("4\r\nhalf\r\n");
  });

  test("requests follow each other on one connection, sent ahead too", async () => {
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send("GET /_ping HTTP/1.1\r\n\r\n".repeat(3));
    client.send(
      post("/containers/x/archive?path=/", "unread body", "").replace("POST", "PUT") +
        post("/containers/x/start", "", ""),
    );
    const text = await client.until("204 No Content");
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(4);
  });

  test("a body is asked for when the client waits for that", async () => {
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send("POST /images/load HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    await client.until("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("12345");
    await client.until('{"stream":"5"}');
  });

  test("a client of HTTP/1.0 gets no chunks", async () => {
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send("POST /images/load HTTP/1.0\r\nContent-Length: 2\r\n\r\nab");
    expect((await client.all()).split("\r\n\r\n")[1]).toBe('{"stream":"2"}\n');
  });

  test("a client that half-closes after its request still gets the answer", async () => {
    await using server = await serve(handlers);
    using client = await RawClient.connect(server.path);
    client.send("GET /_ping HTTP/1.1\r\n\r\n");
    client.halfClose();
    expect(await client.all()).toEndWith("\r\n\r\nOK");
  });

  test("the socket is for root and its group only, and goes when the server goes", async () => {
    let path: string;
    {
      await using server = await serve(handlers);
      path = server.path;
      expect(lstatSync(path).mode & 0o777).toBe(0o660);
      // A second daemon must not take the socket of one that lives.
      const { listen } = await import("../../src/daemon/http/listeners.ts");
      const { silentLogger } = await import("../../src/base/log.ts");
      await expect(listen(server.server, { kind: "unix", path }, silentLogger)).rejects.toThrow(
        "address already in use",
      );
    }
    expect(() => lstatSync(path)).toThrow("ENOENT");
  });
});
