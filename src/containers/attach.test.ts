import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { joinStreams } from "./attach.ts";

/** Two ends of a unix socket; half-closing one leaves the other half open. */
async function socketPair(folder: string): Promise<[Socket, Socket]> {
  const path = join(folder, "s");
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const own = connect({ path, allowHalfOpen: true });
  const peer = await accepted;
  server.close();
  return [own, peer];
}

test("a process that has ended without output before its client is joined is no reason to wait", async () => {
  const folder = await mkdtemp(join(tmpdir(), "longshore-attach-"));
  const [own, peer] = await socketPair(folder);
  own.pause();
  peer.end();
  // Whether the end comes before or after what follows, it must be seen.
  await Bun.sleep(50);
  const client = new PassThrough();
  client.resume();
  await joinStreams(client, own, { stdin: false, onDetach: () => {} });
  expect(client.writableEnded).toBe(true);
  peer.destroy();
  await rm(folder, { recursive: true });
});

test("a client that is gone is left", async () => {
  const client = new PassThrough();
  client.destroy();
  const process = new PassThrough();
  await joinStreams(client, process, { stdin: true, onDetach: () => {} });
  expect(process.destroyed).toBe(true);
});
