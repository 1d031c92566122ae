import type { TestDaemon } from "../harness/daemon.ts";

/** One request of the newest API, as programs make it. An empty answer is `{}`. */
export async function ask<T = unknown>(
  daemon: TestDaemon,
  method: string,
  path: string,
  body?: object,
): Promise<{ code: number; json: T }> {
  const response = await fetch(`http://docker/v1.55${path}`, {
    method,
    unix: daemon.socket,
    ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await response.text();
  return { code: response.status, json: (text === "" ? {} : JSON.parse(text)) as T };
}
