/** What both sides of a connection tell of themselves first (RFC 9113, section 6.5). */
import { leastMaxFrame, maxFrame, number, settings } from "./frames.ts";
import { errorCodes, ProtocolError } from "./protocol-error.ts";
import { windowBytes } from "./stream.ts";

/** Requests that may be under way at the same time. */
export const maxStreams = 250;
/** What each side may send when nothing else was agreed upon. Bytes. */
export const initialWindow = 65_535;
export const largestWindow = 2 ** 31 - 1;

/** What the other side takes. Bytes. */
export interface PeerSettings {
  /** Of a new stream, before it is read there. */
  window: number;
  /** Of the payload of one frame. */
  frame: number;
}

export const initialSettings: PeerSettings = { window: initialWindow, frame: leastMaxFrame };

/** The payload of the frame that tells ours. */
export function ourSettings(isClient: boolean): Buffer {
  const all: [number, number][] = [
    [settings.initialWindow, windowBytes],
    [settings.maxFrame, maxFrame],
    isClient ? [settings.enablePush, 0] : [settings.maxStreams, maxStreams],
  ];
  return Buffer.concat(
    all.map(([name, value]) => Buffer.concat([Buffer.from([name >> 8, name & 255]), number(value)])),
  );
}

/** Those of the other side after `payload`. Throws `ProtocolError` for a window that is too large. */
export function changedSettings(before: PeerSettings, payload: Buffer): PeerSettings {
  const after = { ...before };
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const name = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (name === settings.maxFrame) after.frame = Math.min(Math.max(value, leastMaxFrame), maxFrame);
    if (name !== settings.initialWindow) continue;
    if (value > largestWindow) throw new ProtocolError(errorCodes.flowControl, "a window too large");
    after.window = value;
  }
  return after;
}
