import { rfc3339Nano } from "../../base/clock.ts";
import { internal } from "../../base/errors.ts";
import { UnixDatagram } from "../../linux/unix-datagram.ts";
import type { LogConfig } from "../supervisor/protocol.ts";
import { DatagramTransport } from "./datagram-transport.ts";
import type { LogMessage } from "./messages.ts";

/** Where journald listens; the variable is for tests and for hosts that keep it elsewhere. */
const socketPath = () => process.env.LONGSHORE_JOURNAL_SOCKET ?? "/run/systemd/journal/socket";

/** To this host's journald. Opening it rejects when it does not run. */
export function journaldTransport(): DatagramTransport {
  return new DatagramTransport(() => {
    try {
      return new UnixDatagram(socketPath());
    } catch (error) {
      throw internal("journald is not enabled on this host", error);
    }
  });
}

const newline = 10;
const priority = { stdout: "6", stderr: "3" } as const;

/** Writes messages in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), with Docker's fields. */
export function journaldEncoder({
  source,
  tag = "",
  attributes = {},
}: LogConfig): (message: LogMessage) => Buffer {
  const { id = "", name = "", image = "" } = source ?? {};
  const fixed = Buffer.concat([
    field("CONTAINER_ID", id.slice(0, 12)),
    field("CONTAINER_ID_FULL", id),
    field("CONTAINER_NAME", name),
    field("CONTAINER_TAG", tag),
    field("IMAGE_NAME", image),
    field("SYSLOG_IDENTIFIER", tag),
    ...Object.entries(attributes)
      .filter(([key]) => fieldName(key) !== "")
      .map(([key, value]) => field(fieldName(key), value)),
  ]);
  return ({ stream, line, time, partial }) =>
    Buffer.concat([
      field("PRIORITY", priority[stream]),
      fixed,
      field("SYSLOG_TIMESTAMP", rfc3339Nano(time)),
      ...(partial
        ? [
            ...(partial.last ? [] : [field("CONTAINER_PARTIAL_MESSAGE", "true")]),
            field("CONTAINER_PARTIAL_ID", partial.id),
            field("CONTAINER_PARTIAL_ORDINAL", String(partial.ordinal)),
            field("CONTAINER_PARTIAL_LAST", String(partial.last)),
          ]
        : []),
      field("MESSAGE", line),
    ]);
}

/** Capital letters, digits and underscores, not at the beginning: what journald takes from others. */
function fieldName(key: string): string {
  return key
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^_+/, "");
}

function field(name: string, value: string | Uint8Array): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  if (!bytes.includes(newline)) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from("\n")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}
