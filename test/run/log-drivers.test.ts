import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { makeAuthority } from "../api/certificates.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { DatagramReceiver } from "../harness/datagrams.ts";
import { dist, run, until } from "../harness/process.ts";

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-logs-"));
  process.env.LONGSHORE_JOURNAL_SOCKET = join(folder, "journal");
  daemon = await TestDaemon.start({ images: ["busybox"] });
});
afterAll(async () => {
  delete process.env.LONGSHORE_JOURNAL_SOCKET;
  await daemon[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  await daemon.docker("rm", "-f", "it");
});

const both = ["sh", "-c", "echo out; echo complaint >&2"];
/** Runs a container with log options; `docker logs` shows what it has printed, wherever else that went. */
async function runLogged(driver: string, options: string[], ...command: string[]): Promise<void> {
  const flags = options.flatMap((option) => ["--log-opt", option]);
  await daemon.must("run", "--name", "it", "--log-driver", driver, ...flags, "busybox", ...command);
}

/** A server of streams, and all that it was sent. */
async function receiver(listen: (onConnection: (socket: Socket) => void) => ReturnType<typeof createServer>) {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = listen((socket) => {
    sockets.add(socket);
    socket.on("data", (bytes: Buffer) => received.push(bytes)).on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    text: () => Buffer.concat(received).toString(),
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("syslog", () => {
  test("over UDP, in the old format, with facility and tag", async () => {
    const socket = createSocket("udp4");
    const received: string[] = [];
    socket.on("message", (message) => received.push(message.toString()));
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const options = [`syslog-address=udp://127.0.0.1:${socket.address().port}`, "syslog-facility=local3"];
    await runLogged("syslog", [...options, "tag={{.Name}}/{{.ImageName}}"], ...both);
    await until("both lines have come", () => received.length === 2);
    socket.close();
    const header = /^<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d it\/busybox\[\d+\]: (.*)\n$/;
    const parts = received.map((line) => header.exec(line)?.slice(1));
    expect(parts.toSorted()).toEqual([
      ["155", "complaint"],
      ["158", "out"],
    ]);
    expect((await daemon.docker("logs", "it")).stderr).toBe("complaint\n");
  });

  test.each([
    ["rfc3164", /^<30>[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ [0-9a-f]{12}\[\d+\]: one$/],
    ["rfc5424", /^<30>1 \d{4}-\d\d-\d\dT[\d:]{8}(?:Z|[+-][\d:]{5}) \S+ ([0-9a-f]{12}) \d+ \1 - one$/],
    [
      "rfc5424micro",
      /^<30>1 \d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}(?:Z|[+-][\d:]{5}) \S+ ([0-9a-f]{12}) \d+ \1 - one$/,
    ],
  ])("over TCP as %s", async (format, line) => {
    using server = await receiver((onConnection) => createServer(onConnection));
    const options = [`syslog-address=tcp://127.0.0.1:${server.port}`, `syslog-format=${format}`];
    await runLogged("syslog", options, "sh", "-c", "echo one; echo; echo two");
    await until("all has come", () => server.text().endsWith("two\n"));
    const lines = server.text().trimEnd().split("\n");
    expect(lines).toHaveLength(2); // an empty line is nothing to syslog
    expect(lines[0]).toMatch(line);
    expect(await daemon.must("logs", "it")).toBe("one\n\ntwo");
  });

  test("over TLS with a certificate that is checked, counted as RFC 5425 has it", async () => {
    const authority = makeAuthority(folder, "authority");
    const pair = authority.issue("server", "IP:127.0.0.1");
    using server = await receiver((onConnection) => createTlsServer(pair, onConnection));
    const address = `syslog-address=tcp+tls://127.0.0.1:${server.port}`;
    const ca = `syslog-tls-ca-cert=${join(folder, "authority.pem")}`;
    const refused = await daemon.docker(
      "run",
      "--log-driver=syslog",
      "--log-opt",
      address,
      "busybox",
      "true",
    );
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("failed to initialize logging driver: ");
    await runLogged("syslog", [address, ca, "syslog-format=rfc5424"], "echo", "secret");
    await until("it has come", () => server.text().endsWith("secret\n"));
    const [, length, message = ""] = /^(\d+) (<30>1 .*)$/s.exec(server.text()) ?? [];
    expect(Number(length)).toBe(Buffer.byteLength(message));
  });

  test("to a socket of datagrams", async () => {
    const path = join(folder, "log");
    using socket = new DatagramReceiver(path);
    await runLogged("syslog", [`syslog-address=unixgram://${path}`, "cache-disabled=true"], "echo", "here");
    const received: Buffer[] = [];
    await until("it has come", () => received.push(...socket.receive()) > 0);
    expect(received.join()).toMatch(/^<30>.*: here\n$/);
    const { stderr } = await daemon.docker("logs", "it");
    expect(stderr).toBe("Error response from daemon: configured logging driver does not support reading\n");
  });

  test("a receiver that does not read holds up a container, unless it may drop lines", async () => {
    using server = await receiver((onConnection) => createServer((socket) => onConnection(socket.pause())));
    const options = [`syslog-address=tcp://127.0.0.1:${server.port}`];
    const print = ["sh", "-c", "yes 0123456789012345678901234567890123456789 | head -c 20000000"];
    await runLogged("syslog", [...options, "mode=non-blocking", "max-buffer-size=100k"], ...print);
    expect(await daemon.must("wait", "it")).toBe("0");
    await daemon.must("rm", "it");
    await daemon.must(
      "run",
      "-d",
      "--name=it",
      "--log-driver=syslog",
      "--log-opt",
      options[0] ?? "",
      "busybox",
      ...print,
    );
    await until("it waits", async () => (await daemon.must("top", "it")).includes("yes"));
    await Bun.sleep(500);
    expect(await daemon.inspect("it", "{{.State.Status}}")).toBe("running");
  });
});

describe("journald", () => {
  /** The fields of a message in the native protocol. */
  function fieldsOf(message: Buffer): Record<string, string> {
    const fields: Record<string, string> = {};
    for (let at = 0; at < message.length; ) {
      const end = message.indexOf(10, at);
      const line = message.toString("utf8", at, end);
      const equals = line.indexOf("=");
      at = end + 1;
      if (equals >= 0) fields[line.slice(0, equals)] = line.slice(equals + 1);
      else {
        const length = Number(message.readBigUInt64LE(at));
        fields[line] = message.toString("utf8", at + 8, at + 8 + length);
        at += 8 + length + 1;
      }
    }
    return fields;
  }

  test("gets each line with what is known of the container, and long lines in pieces", async () => {
    using journal = new DatagramReceiver(join(folder, "journal"));
    const flags = [
      "--label",
      "a.b=c",
      "--env",
      "V=two\nlines",
      "--log-opt",
      "labels=a.b",
      "--log-opt",
      "env=V",
    ];
    const script = "echo out; echo complaint >&2; head -c 40000 /dev/zero | tr '\\0' x; echo";
    await daemon.must("run", "--name=it", "--log-driver=journald", ...flags, "busybox", "sh", "-c", script);
    const received: Record<string, string>[] = [];
    await until("all has come", () => received.push(...journal.receive().map(fieldsOf)) === 5);
    rmSync(join(folder, "journal"));
    const id = await daemon.inspect("it", "{{.Id}}");
    const fixed = {
      CONTAINER_ID: id.slice(0, 12),
      CONTAINER_ID_FULL: id,
      CONTAINER_NAME: "it",
      CONTAINER_TAG: id.slice(0, 12),
      IMAGE_NAME: "busybox",
      SYSLOG_IDENTIFIER: id.slice(0, 12),
      A_B: "c",
      V: "two\nlines",
    };
    const of = (text: string) => received.find(({ MESSAGE }) => MESSAGE === text);
    expect(of("out")).toMatchObject({ ...fixed, PRIORITY: "6" });
    expect(of("complaint")).toMatchObject({ ...fixed, PRIORITY: "3" });
    const pieces = received.filter((fields) => "CONTAINER_PARTIAL_ID" in fields);
    expect(new Set(pieces.map((piece) => piece.CONTAINER_PARTIAL_ID)).size).toBe(1);
    expect(pieces.map((piece) => [piece.CONTAINER_PARTIAL_ORDINAL, piece.CONTAINER_PARTIAL_LAST])).toEqual([
      ["1", "false"],
      ["2", "false"],
      ["3", "true"],
    ]);
    expect(pieces.map((piece) => piece.CONTAINER_PARTIAL_MESSAGE)).toEqual(["true", "true", undefined]);
    const { stdout, stderr } = await daemon.docker("logs", "it");
    expect([stdout, stderr]).toEqual([`out\n${"x".repeat(40_000)}\n`, "complaint\n"]);
  });

  test("that does not run is told at the start", async () => {
    const { stderr, code } = await daemon.docker("run", "--rm", "--log-driver=journald", "busybox", "true");
    expect(code).toBe(125);
    expect(stderr).toContain(
      "failed to create task for container: failed to initialize logging driver: journald is not enabled on this host",
    );
  });
});

test("local keeps compressed files, and is read like json-file", async () => {
  const options = ["max-size=20k", "max-file=3"];
  await runLogged("local", options, "sh", "-c", "seq 1 2000; echo end >&2");
  const { stdout, stderr } = await daemon.docker("logs", "it");
  const lines = stdout.trimEnd().split("\n").map(Number);
  const first = lines[0] ?? 0;
  expect(lines).toEqual(Array.from({ length: 2001 - first }, (_, index) => first + index));
  expect(stderr).toBe("end\n");
  expect(await daemon.inspect("it", "{{.LogPath}}")).toBe("");
});

test("a supervisor that takes over goes on sending", async () => {
  using server = await receiver((onConnection) => createServer(onConnection));
  const options = ["--log-driver=syslog", "--log-opt", `syslog-address=tcp://127.0.0.1:${server.port}`];
  await daemon.must(
    "run",
    "-d",
    "-i",
    "--name=it",
    ...options,
    "busybox",
    "sh",
    "-c",
    "echo first; read x; echo then",
  );
  await until("the first line has come", () => server.text().includes("first"));
  process.kill(daemon.supervisorPid, "SIGKILL");
  await daemon.feed("\n", "attach", "it");
  await until("the other line has come", () => server.text().includes("then"));
  expect(await daemon.must("logs", "it")).toBe("first\nthen");
});

test.each([
  [["--log-driver=fluent"], "logger: no log driver named 'fluent' is registered"],
  [["--log-opt=foo=1"], "unknown log opt 'foo' for json-file log driver"],
  [["--log-driver=local", "--log-opt=foo=1"], "unknown log opt 'foo' for log driver local"],
  [["--log-opt=mode=foo"], "logger: logging mode not supported: foo"],
  [
    ["--log-opt=max-buffer-size=1m"],
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  [
    ["--log-driver=syslog", "--log-opt=syslog-address=foo"],
    "syslog-address should be in form proto://address, got foo",
  ],
  [["--log-driver=syslog", "--log-opt=syslog-facility=foo"], "invalid syslog facility"],
  [
    ["--log-driver=syslog", "--log-opt=syslog-address=tcp://127.0.0.1:1"],
    "dial tcp 127.0.0.1:1: connect: connection refused",
  ],
  [
    ["--log-opt=tag={{.Foo}}"],
    `template: log-tag:1:2: executing "log-tag" at <.Foo>: can't evaluate field Foo in type *logger.Info`,
  ],
])("%j is refused as Docker does it", async (flags, message) => {
  const { stderr, code } = await daemon.docker("run", "--rm", ...flags, "busybox", "true");
  expect(code).toBe(125);
  expect(stderr.split("\n")[0]).toEndWith(message);
});

test("a log of several files gives lines in order under rotation and load, followed or not", async () => {
  writeFileSync(join(folder, "print"), "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done");
  const options = ["--log-opt", "max-size=100k", "--log-opt", "max-file=100"];
  const script = ["-v", `${join(folder, "print")}:/print`, "busybox", "sh", "/print"];
  await daemon.must("run", "-d", "--name=it", ...options, ...script);
  const followers = Array.from({ length: 4 }, () => daemon.docker("logs", "-f", "it"));
  const all = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join("");
  for (const follower of followers) expect((await follower).stdout).toBe(all);
  expect((await daemon.docker("logs", "it")).stdout).toBe(all);
  expect((await daemon.docker("logs", "--tail", "15000", "it")).stdout).toBe(
    all.slice(all.indexOf("\n5001\n") + 1),
  );
});

test("a daemon whose own log options make no sense does not start", async () => {
  const command = [
    join(dist, "dockerd"),
    `--data-root=${join(folder, "data")}`,
    `--exec-root=${join(folder, "exec")}`,
  ];
  const flags = [`--host=unix://${join(folder, "docker.sock")}`, `--pidfile=${join(folder, "pid")}`];
  const { stderr, code } = await run([...command, ...flags, "--log-driver=fluent"]);
  expect(code).toBe(1);
  expect(stderr).toContain("failed to set log opts: logger: no log driver named 'fluent' is registered");
});
