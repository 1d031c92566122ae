import { DbusReader, type DbusValue, type DbusVariant, DbusWriter } from "./values.ts";

/** What a message is (D-Bus specification, "Message Format"). */
export const messageTypes = { call: 1, answer: 2, error: 3, signal: 4 } as const;

/** The numbers of the header's fields, with their types. */
const fields = {
  path: [1, "o"],
  interface: [2, "s"],
  member: [3, "s"],
  errorName: [4, "s"],
  replySerial: [5, "u"],
  destination: [6, "s"],
  sender: [7, "s"],
  signature: [8, "g"],
} as const;
type Field = keyof typeof fields;

export interface DbusMessage extends Partial<Record<Exclude<Field, "replySerial">, string>> {
  type: number;
  serial: number;
  /** The call that this answers. */
  replySerial?: number;
  body: readonly DbusValue[];
}

const littleEndian = "l".charCodeAt(0);
const version = 1;
/** No program is to be started for a call of ours. */
const NO_AUTO_START = 2;
const headerSignature = "yyyyuua(yv)";
/** As large as a message may be. */
const largest = 1 << 27;

export function encodeMessage(message: DbusMessage): Buffer {
  const body = new DbusWriter();
  body.writeAll(message.signature ?? "", message.body);
  const header = new DbusWriter();
  const told = (Object.keys(fields) as Field[]).flatMap((field) => {
    const [number, signature] = fields[field];
    const value = message[field];
    return value === undefined ? [] : [[number, { signature, value }]];
  });
  header.writeAll(headerSignature, [
    littleEndian,
    message.type,
    NO_AUTO_START,
    version,
    body.bytes.length,
    message.serial,
    told,
  ]);
  header.align(8);
  return Buffer.concat([header.bytes, body.bytes]);
}

/**
 * How long the message is that `bytes` begins with; undefined as long as that cannot be told. Throws for what is no
 * message, or one for machines of the other byte order, which no program of this host sends.
 */
export function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 16) return undefined;
  if (bytes[0] !== littleEndian || bytes[3] !== version) throw new Error("this is no message of D-Bus");
  const length = 16 + Math.ceil(bytes.readUInt32LE(12) / 8) * 8 + bytes.readUInt32LE(4);
  if (length > largest) throw new Error("a message of D-Bus is too long");
  return length;
}

/** Decodes one whole message. */
export function decodeMessage(bytes: Buffer): DbusMessage {
  const reader = new DbusReader(bytes);
  const [, type, , , , serial, list] = reader.readAll(headerSignature);
  reader.align(8);
  const values = new Map(
    (list as [number, DbusVariant][]).map(([number, { value }]) => [number, value] as const),
  );
  const told = (Object.keys(fields) as Field[]).flatMap((field) => {
    const value = values.get(fields[field][0]);
    return value === undefined ? [] : [[field, value] as const];
  });
  const signature = values.get(fields.signature[0]) ?? "";
  const body = reader.readAll(String(signature));
  return { ...Object.fromEntries(told), type: Number(type), serial: Number(serial), body };
}
