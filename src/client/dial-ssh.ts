import { Connection } from "../api/http1/connection.ts";
import type { Dialed } from "./dial.ts";
import type { HostAddress } from "./host.ts";

/** The most of ssh's own error output that is kept for an error message. */
const maxErrorOutput = 4096;

/** The arguments of `ssh` that reach the daemon of another host through `docker system dial-stdio` there. */
export function sshArguments(address: HostAddress & { kind: "ssh" }): string[] {
  return [
    "-o",
    "ConnectTimeout=30",
    "-T",
    ...(address.user === undefined ? [] : ["-l", address.user]),
    ...(address.port === undefined ? [] : ["-p", String(address.port)]),
    "--",
    address.host,
    "docker",
    ...(address.path === undefined ? [] : ["--host", `unix://${address.path}`]),
    "system",
    "dial-stdio",
  ];
}

/** Runs ssh and takes its standard streams as the connection; `hold` has no meaning here. */
export async function dialSsh(address: HostAddress & { kind: "ssh" }): Promise<Dialed> {
  const child = Bun.spawn(["ssh", ...sshArguments(address)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    env: process.env,
  });
  let resume: (() => void) | undefined;
  let paused: Promise<void> | undefined;
  let flushing = false;
  const connection = new Connection({
    write(bytes) {
      if (flushing) return 0;
      child.stdin.write(bytes);
      const flushed = child.stdin.flush();
      if (flushed instanceof Promise) {
        flushing = true;
        void flushed
          // A pipe that broke is told by the end of the process.
          .catch(() => {})
          .then(() => {
            flushing = false;
            connection.onDrain();
          });
      }
      return bytes.length;
    },
    shutdown: () => void child.stdin.end(),
    end: () => child.kill(),
    terminate: () => child.kill(),
    pause() {
      paused = new Promise((resolve) => {
        resume = resolve;
      });
    },
    resume() {
      paused = undefined;
      resume?.();
    },
  });
  void pump();
  return { connection, hold: (on) => (on ? child.ref() : child.unref()) };

  async function pump(): Promise<void> {
    const errors = collect(child.stderr);
    try {
      for await (const bytes of child.stdout) {
        connection.onData(bytes);
        if (paused) await paused;
      }
    } finally {
      // The reason is known when ssh is gone; it is told with the end.
      const status = await child.exited;
      const text = await errors;
      if (status !== 0 && status !== 143) connection.failure = sshFailure(status, text);
      connection.onClose();
    }
  }
}

function sshFailure(status: number, text: string): string {
  return `command [ssh] has exited with exit status ${status}, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=${text.trim()}`;
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    if (text.length < maxErrorOutput) text += decoder.decode(bytes, { stream: true });
  }
  return text;
}
