import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { notFound, notModified } from "../../src/base/errors.ts";
import { createClient } from "../../src/client/create.ts";
import { defineHandlers } from "../../src/daemon/http/handler.ts";
import { serve } from "./fixture.ts";

const handlers = defineHandlers({
  SystemPing: () => "OK",
  SystemPingHead: () => "",
  ContainerList: ({ query }) => [
    {
      Id: JSON.stringify(query),
      Names: [],
      Image: "",
      ImageID: "",
      Command: "",
      Created: 0,
      Ports: [],
      Labels: {},
      State: "running",
      Status: "",
      HostConfig: {},
      NetworkSettings: { Networks: {} },
      Mounts: [],
    },
  ],
  ContainerInspect: ({ params }) => {
    throw notFound(`No such container: ${params.id}`);
  },
  ContainerStart: () => {
    throw notModified("");
  },
  ImageCreate: async ({ registryAuth }, reply) => {
    await reply.send({ status: `${registryAuth?.username}:${registryAuth?.password}` });
  },
  ImageLoad: async ({ body }, reply) => {
    let size = 0;
    for await (const bytes of body) size += bytes.length;
    await reply.send({ stream: String(size) });
  },
  ImageGet: async function* () {
    for (let i = 0; i < 64; i++) yield new Uint8Array(100_000);
  },
  ExecStart: async ({ body }) => {
    if (!body?.Detach) throw notFound("No such exec instance");
  },
});

describe("the client", () => {
  test("negotiates, and sends what differs from the defaults", async () => {
    await using server = await serve(handlers);
    await using client = createClient({ host: `unix://${server.path}` });
    expect(await client.negotiate()).toBe("1.55");
    const [line] = await client.call("ContainerList", {
      query: { all: true, limit: 3, filters: { label: ["a=b", "c"] } },
    });
    expect(JSON.parse(line?.Id ?? "")).toEqual({
      all: true,
      limit: 3,
      size: false,
      filters: { label: ["a=b", "c"] },
    });
  });

  test("tells the daemon's errors with their code", async () => {
    await using server = await serve(handlers);
    await using client = createClient({ host: `unix://${server.path}` });
    await expect(client.call("ContainerInspect", { params: { id: "x" } })).rejects.toMatchObject({
      code: "notFound",
      message: "Error response from daemon: No such container: x",
    });
    // Already as it was asked for: no error.
    await client.call("ContainerStart", { params: { id: "x" } });
    await expect(client.hijack("ExecStart", { params: { id: "x" }, body: {} })).rejects.toMatchObject({
      code: "notFound",
    });
    await client.callHead("ExecStart", { params: { id: "x" }, body: { Detach: true } });
  });

  test("uses one connection for calls one after another", async () => {
    await using server = await serve(handlers);
    await using client = createClient({ host: `unix://${server.path}` });
    for (let i = 0; i < 5; i++) await client.call("SystemPing");
    let size = 0;
    for await (const bytes of await client.stream("ImageGet", { params: { name: "a/b:c" } }))
      size += bytes.length;
    expect(size).toBe(6_400_000);
    await client.call("SystemPing");
    expect(server.server.connections).toBe(1);
  });

  test("connects anew when the daemon came back", async () => {
    const first = await serve(handlers);
    await using client = createClient({ host: `unix://${first.path}` });
    await client.call("SystemPing");
    await first[Symbol.asyncDispose]();
    await expect(client.call("SystemPing")).rejects.toMatchObject({
      code: "unavailable",
      message: `Cannot connect to the Docker daemon at unix://${first.path}. Is the docker daemon running?`,
    });
  });

  test("streams a body up, and cuts it when its source fails", async () => {
    await using server = await serve(handlers);
    await using client = createClient({ host: `unix://${server.path}` });
    async function* body(fails: boolean) {
      for (let i = 0; i < 50; i++) yield new Uint8Array(100_000);
      if (fails) throw new Error("disk gone");
    }
    const answers: unknown[] = [];
    for await (const message of await client.messages("ImageLoad", { body: body(false) }))
      answers.push(message);
    expect(answers).toEqual([{ stream: "5000000" }]);
    await expect(client.messages("ImageLoad", { body: body(true) })).rejects.toThrow("disk gone");
  });

  test("sends credentials", async () => {
    await using server = await serve(handlers);
    await using client = createClient({ host: `unix://${server.path}` });
    const registryAuth = { username: "ü>?", password: "p" };
    for await (const { status } of await client.messages("ImageCreate", { registryAuth })) {
      expect(status).toBe("ü>?:p");
    }
  });

  test("refuses what the daemon is too old for, instead of dropping it", async () => {
    const client = createClient({ host: "unix:///nowhere", version: "1.40" });
    await expect(
      client.call("ContainerCreate", { body: {}, query: { platform: "linux/arm64" } }),
    ).rejects.toThrow('"platform" requires API version 1.41, but the Docker daemon API version is 1.40');
  });

  test("a name cannot climb out of its place in the path", async () => {
    const client = createClient({ host: "unix:///nowhere", version: "1.40" });
    for (const id of ["..", "../images", "a/../b"]) {
      await expect(client.call("ContainerInspect", { params: { id } })).rejects.toThrow("invalid name");
    }
    await expect(client.call("ContainerInspect", { params: { id: "" } })).rejects.toThrow("value is empty");
  });

  test("reaches a daemon through ssh", async () => {
    await using server = await serve(handlers);
    // Stands in for ssh: joins its standard streams with the socket, and notes its arguments.
    const ssh = join(server.folder, "ssh");
    const joiner = join(server.folder, "join.ts");
    writeFileSync(
      joiner,
      `await Bun.write(${JSON.stringify(join(server.folder, "arguments"))}, process.argv.slice(2).join(" "));
       const socket = await Bun.connect({ unix: ${JSON.stringify(server.path)}, allowHalfOpen: true, socket: {
         data: (_, bytes) => void process.stdout.write(bytes), end: () => process.exit(0), close: () => process.exit(0) } });
       for await (const bytes of Bun.stdin.stream()) socket.write(bytes);
       socket.shutdown();`,
    );
    writeFileSync(ssh, `#!/bin/sh\nexec ${process.execPath} ${joiner} "$@"\n`);
    chmodSync(ssh, 0o755);
    const before = process.env.PATH;
    process.env.PATH = `${server.folder}:${before}`;
    try {
      await using client = createClient({ host: "ssh://me@far:22/run/d.sock" });
      expect(await client.call("SystemPing")).toBe("OK");
    } finally {
      process.env.PATH = before;
    }
    const given = await Bun.file(join(server.folder, "arguments")).text();
    expect(given).toEndWith("-T -l me -p 22 -- far docker --host unix:///run/d.sock system dial-stdio");
  });
});
