import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { notFound } from "../../src/base/errors.ts";
import { defineHandlers, type Handlers } from "../../src/daemon/http/handler.ts";
import { serve } from "./fixture.ts";

const docker = Bun.which("docker");
const id = "0123456789abcdef".repeat(4);

/** A frame of standard output (1) or standard error (2). */
function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** A container that repeats its input in capitals, complains once, and exits with 3. */
const handlers = defineHandlers({
  SystemPing: () => "OK",
  SystemPingHead: () => "",
  SystemVersion: () => ({
    Version: "1.2.3",
    ApiVersion: "1.55",
    MinAPIVersion: "1.24",
    Os: "linux",
    Arch: "amd64",
    GitCommit: "",
    GoVersion: "",
  }),
  ContainerInspect: () => {
    throw notFound("No such container: gone");
  },
  ImageInspect: () => {
    throw notFound("No such image: gone");
  },
  ContainerList: () => [],
  ContainerCreate: ({ body, query }) => {
    if (body.Image !== "shouter") throw notFound(`No such image: ${body.Image}:latest`);
    return { Id: id, Warnings: [`name is ${query.name}`] };
  },
  ContainerAttach: async (_request, reply) => {
    const stream = reply.hijack("multiplexed");
    for await (const bytes of stream.iterator({ destroyOnReturn: false })) {
      stream.write(frame(1, String(bytes).toUpperCase()));
    }
    stream.write(frame(2, "no more\n"));
    stream.end(frame(1, "done\n"));
    await once(stream, "finish");
  },
  ContainerStart: () => {},
  ContainerWait: async (_request, reply) => {
    reply.flush();
    await Bun.sleep(50);
    await reply.send({ StatusCode: 3 });
  },
  ImageCreate: async ({ query }, reply) => {
    await reply.send({ status: `Pulling from ${query.fromImage}`, id: query.tag });
    throw notFound("manifest unknown");
  },
});

/** Runs the Go client against `served` handlers. */
async function run(served: Handlers, argv: string[], stdin = "") {
  await using server = await serve(served);
  const child = Bun.spawn([docker ?? "docker", ...argv], {
    env: { ...process.env, DOCKER_HOST: `unix://${server.path}`, DOCKER_CONFIG: server.folder },
    stdin: Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe.skipIf(docker === null)("the Go client", () => {
  test("run: input to its end, both outputs, the exit code", async () => {
    const { stdout, stderr, code } = await run(handlers, ["run", "-i", "--name", "n", "shouter"], "hello\n");
    expect(stdout).toBe("HELLO\ndone\n");
    expect(stderr).toContain("WARNING: name is n");
    expect(stderr).toEndWith("no more\n");
    expect(code).toBe(3);
  });
  test("version", async () => {
    expect((await run(handlers, ["version"])).stdout).toContain("1.55 (minimum version 1.24)");
  });
  test("an error of the daemon", async () => {
    const { stderr, code } = await run(handlers, ["inspect", "gone"]);
    // What this daemon lacks (networks, volumes, …) is passed over on the way.
    expect([stderr.split("\n").at(-2), code]).toEqual(["Error: No such object: gone", 1]);
  });
  test("an error in the midst of a pull", async () => {
    const { stdout, stderr, code } = await run(handlers, ["pull", "x:y"]);
    expect(stdout).toBe("y: Pulling from docker.io/library/x\n");
    expect([stderr, code]).toEqual(["manifest unknown\n", 1]);
  });
});
