import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "../../src/base/log.ts";
import { createClient } from "../../src/client/create.ts";
import { defineHandlers } from "../../src/daemon/http/handler.ts";
import { listen } from "../../src/daemon/http/listeners.ts";
import { RawClient, serve } from "./fixture.ts";

const source = join(import.meta.dir, "../../src");

test("a socket that listens already is served, as systemd passes it", async () => {
  await using server = await serve({});
  // The daemon's part, in a process of its own that gets the listening socket as descriptor 3.
  const daemon = join(server.folder, "daemon.ts");
  writeFileSync(
    daemon,
    `import { ApiServer } from "${source}/daemon/http/server.ts";
     import { listen } from "${source}/daemon/http/listeners.ts";
     import { loadConfig } from "${source}/daemon/config/config.ts";
     import { endpointsOf } from "${source}/daemon/config/hosts.ts";
     import { silentLogger as log } from "${source}/base/log.ts";
     const server = new ApiServer({ serverName: "Docker/1", log, handlers: { SystemPing: () => "by descriptor" } });
     const env = { LISTEN_PID: String(process.pid), LISTEN_FDS: "1" };
     for (const endpoint of endpointsOf(loadConfig(["-H", "fd://"]), { env })) await listen(server, endpoint, log);
     console.log("ready");`,
  );
  const path = join(server.folder, "passed.sock");
  const opener = `import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.execv(sys.argv[2], sys.argv[2:])`;
  const child = Bun.spawn(["python3", "-c", opener, path, process.execPath, daemon], { stdout: "pipe" });
  try {
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
    await using client = createClient({ host: `unix://${path}` });
    expect(await client.call("SystemPing")).toBe("by descriptor");
  } finally {
    child.kill();
    await child.exited;
  }
});

test("a server that closes lets answers finish, and ends who waits in vain", async () => {
  let finish: (() => void) | undefined;
  const handlers = defineHandlers({
    SystemPing: async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return "finished";
    },
    SystemEvents: ({ signal }, reply) => {
      reply.flush();
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  await using server = await serve(handlers);
  using idle = await RawClient.connect(server.path);
  using busy = await RawClient.connect(server.path);
  using waiting = await RawClient.connect(server.path);
  busy.send("GET /_ping HTTP/1.1\r\n\r\n");
  waiting.send("GET /events HTTP/1.1\r\n\r\n");
  await waiting.until("\r\n\r\n");
  while (!finish) await Bun.sleep(1);
  const closing = server.server.close(200);
  expect(await idle.all()).toBe("");
  finish();
  expect(await busy.all()).toEndWith("finished");
  await closing;
  await waiting.all();
  expect(server.server.connections).toBe(0);
});

test("an address that cannot be had is told in Docker's words", async () => {
  await using server = await serve({});
  using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const refused = (host: string, port: number) =>
    listen(server.server, { kind: "tcp", host, port }, silentLogger).then(
      () => "",
      (error: Error) => error.message,
    );
  expect(await refused("127.0.0.1", taken.port)).toBe(
    `listen tcp 127.0.0.1:${taken.port}: bind: address already in use`,
  );
  expect(await refused("203.0.113.9", 1)).toBe(
    "listen tcp 203.0.113.9:1: bind: cannot assign requested address",
  );
});
