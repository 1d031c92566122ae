import { TestDaemon } from "../harness/daemon.ts";

/** What a daemon answered to one request. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON of the body; undefined when it is none. */
  json: unknown;
}

/** Sends a request to the daemon's socket: an object goes as JSON, bytes as they are. */
export async function call(
  daemon: TestDaemon,
  method: string,
  path: string,
  body?: object | Uint8Array,
): Promise<Answer> {
  const bytes = body instanceof Uint8Array;
  const response = await fetch(`http://docker${path}`, {
    unix: daemon.socket,
    method,
    ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
    ...(body === undefined || bytes ? {} : { headers: { "Content-Type": "application/json" } }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not every answer is JSON.
    return undefined;
  }
}

/** A daemon that has busybox. */
export async function daemonWithBusybox(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start();
  await daemon.must("pull", "-q", "busybox");
  return daemon;
}
