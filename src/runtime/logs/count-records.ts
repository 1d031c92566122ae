import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf } from "../../base/errors.ts";
import type { LogPosition } from "../supervisor/protocol.ts";
import type { LogStream } from "./log-driver.ts";
import { parseRecord } from "./record.ts";

/**
 * How many records of each stream stand behind `from` in the log `path`, which may have been rotated since. They are
 * few: what one supervisor wrote between two of its notes.
 */
export function countRecords(path: string, maxFile: number, from: LogPosition): Record<LogStream, number> {
  const counts = { stdout: 0, stderr: 0 };
  const newer: string[] = [];
  for (let number = 0; number < maxFile; number++) {
    const file = number === 0 ? path : `${path}.${number}`;
    const found = readFrom(file, from);
    if (!found) continue;
    newer.push(found.text);
    if (!found.isNoted) continue;
    for (const line of newer.join("").split("\n")) {
      const record = line === "" ? undefined : parseRecord(line);
      if (record) counts[record.stream]++;
    }
    return counts;
  }
  // The file that was noted has gone: nobody knows, and what is logged twice is better than what is not.
  return counts;
}

/** What stands in `file`, from the noted position on when it is the noted file. */
function readFrom(file: string, { inode, offset }: LogPosition) {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { ino, size } = fstatSync(fd);
    const isNoted = ino === inode;
    const start = isNoted ? Math.min(offset, size) : 0;
    const bytes = Buffer.alloc(size - start);
    const count = readSync(fd, bytes, 0, bytes.length, start);
    return { isNoted, text: bytes.toString("utf8", 0, count) };
  } finally {
    closeSync(fd);
  }
}
