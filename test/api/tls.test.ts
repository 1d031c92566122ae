import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientTls } from "../../src/client/client.ts";
import { createClient } from "../../src/client/create.ts";
import { defineHandlers } from "../../src/daemon/http/handler.ts";
import type { ServerTls } from "../../src/daemon/http/listeners.ts";
import { makeAuthority, type Pair } from "./certificates.ts";
import { serve } from "./fixture.ts";

let folder: string;
let ca: string;
let daemon: Pair;
let elsewhere: Pair;
let user: Pair;
let stranger: Pair;
let otherCa: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "api-tls-"));
  const ours = makeAuthority(folder, "ours");
  const theirs = makeAuthority(folder, "theirs");
  ca = ours.ca;
  otherCa = theirs.ca;
  daemon = ours.issue("daemon", "IP:127.0.0.1,DNS:localhost");
  elsewhere = ours.issue("elsewhere", "DNS:example.com");
  user = ours.issue("user", "DNS:user");
  stranger = theirs.issue("stranger", "DNS:stranger");
});
afterAll(() => rmSync(folder, { recursive: true }));

const handlers = defineHandlers({
  SystemPing: () => "OK",
  ContainerAttach: async (_request, reply) => {
    const stream = reply.hijack("raw");
    let size = 0;
    for await (const bytes of stream.iterator({ destroyOnReturn: false })) size += bytes.length;
    stream.end(`got ${size}, ${"x".repeat(300_000)}`);
  },
});

/** Pings over TLS and gives the answer. */
async function ping(server: ServerTls, client: ClientTls | undefined): Promise<string> {
  await using served = await serve(handlers, () => [
    { kind: "tcp", host: "127.0.0.1", port: 0, tls: server },
  ]);
  await using api = createClient({ host: served.addresses[0], tls: client, version: "1.47" });
  return await api.call("SystemPing");
}

describe("TLS", () => {
  test("both sides verified", async () => {
    expect(await ping({ ...daemon, clientCa: ca }, { ...user, ca, verify: true })).toBe("OK");
  });
  test("a client without a certificate is refused", async () => {
    await expect(ping({ ...daemon, clientCa: ca }, { ca, verify: true })).rejects.toThrow(
      "error during connect",
    );
  });
  test("a client of another authority is refused", async () => {
    await expect(ping({ ...daemon, clientCa: ca }, { ...stranger, ca, verify: true })).rejects.toThrow(
      "error during connect",
    );
  });
  test("a client that speaks plain HTTP gets nothing", async () => {
    await expect(ping({ ...daemon, clientCa: ca }, undefined)).rejects.toThrow("error during connect");
  });
  test("a daemon of another authority is not believed", async () => {
    await expect(ping(daemon, { ca: otherCa, verify: true })).rejects.toThrow("failed to verify certificate");
  });
  test("a daemon with the certificate of another name is not believed", async () => {
    await expect(ping(elsewhere, { ca, verify: true })).rejects.toThrow("does not match certificate");
  });
  test("without verification any daemon will do", async () => {
    expect(await ping(elsewhere, { verify: false })).toBe("OK");
  });

  test("a taken-over connection: half-close and much output after it", async () => {
    await using served = await serve(handlers, () => [
      { kind: "tcp", host: "127.0.0.1", port: 0, tls: { ...daemon, clientCa: ca } },
    ]);
    await using api = createClient({
      host: served.addresses[0],
      tls: { ...user, ca, verify: true },
      version: "1.47",
    });
    const stream = await api.hijack("ContainerAttach", { params: { id: "x" } });
    await stream.write(new Uint8Array(500_000));
    stream.closeWrite();
    let text = "";
    for await (const bytes of stream) text += Buffer.from(bytes).toString();
    expect(text).toStartWith("got 500000, xxx");
    expect(text.length).toBe(300_012);
  });
});
