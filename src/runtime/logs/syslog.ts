import { hostname } from "node:os";
import type { LogMessage } from "./messages.ts";
import type { SyslogFormat, SyslogOptions } from "./syslog-options.ts";

const severity = { stdout: 6, stderr: 3 } as const;
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const newline = Buffer.from("\n");

/** Writes messages as syslog takes them, with `tag` as the name of the program. */
export function syslogEncoder(
  options: SyslogOptions,
  tag: string,
): (message: LogMessage) => Buffer | undefined {
  const { facility, format, address } = options;
  const counted = address.protocol === "tcp+tls" && format.startsWith("rfc5424");
  const host = hostname();
  return ({ stream, line }) => {
    if (line.length === 0) return undefined;
    const priority = facility * 8 + severity[stream];
    const header = headerOf(format, `<${priority}>`, host, tag);
    const message = Buffer.concat([Buffer.from(header), line, newline]);
    // RFC 5425, section 4.3.
    return counted ? Buffer.concat([Buffer.from(`${message.length} `), message]) : message;
  };
}

function headerOf(format: SyslogFormat, priority: string, host: string, tag: string): string {
  const now = new Date();
  switch (format) {
    case "rfc5424":
    case "rfc5424micro":
      return `${priority}1 ${timestamp(now, format)} ${host} ${tag} ${process.pid} ${tag} - `;
    case "rfc3164":
      return `${priority}${stamp(now)} ${host} ${tag}[${process.pid}]: `;
    case "":
      return `${priority}${stamp(now)} ${tag}[${process.pid}]: `;
  }
}

const two = (number: number) => String(number).padStart(2, "0");

/** `Jan  2 15:04:05`, local time. */
function stamp(now: Date): string {
  const day = String(now.getDate()).padStart(2);
  return `${months[now.getMonth()]} ${day} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}

/** RFC 3339 in local time, with microseconds where they are asked for. */
function timestamp(now: Date, format: SyslogFormat): string {
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString();
  const fraction = format === "rfc5424micro" ? `${local.slice(19, 23)}000` : "";
  const size = Math.abs(offset);
  const zone =
    offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${local.slice(0, 19)}${fraction}${zone}`;
}
