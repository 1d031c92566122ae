import { type Ip, ipBytes } from "../../base/ip.ts";

/*
 * DNS messages (RFC 1035, RFC 6891), as far as a resolver that answers for containers and passes on the rest needs them:
 * one question is read, answers are written, and of others' answers only the lifetimes are changed.
 */

export const recordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  ANY: 255,
} as const;
const classIN = 1;

export const rcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const headerLength = 12;
const flagResponse = 0x8000;
const flagAuthoritative = 0x0400;
const flagTruncated = 0x0200;
const flagRecursionDesired = 0x0100;
const flagRecursionAvailable = 0x0080;

/** What a client asks, and what of its message an answer needs. */
export interface Query {
  message: Buffer;
  id: number;
  recursionDesired: boolean;
  /** In lower case, without the last dot. */
  name: string;
  type: number;
  class: number;
  /** The question's bytes as they came: its letters' case comes back. */
  question: Buffer;
  /** How long an answer over UDP may be. */
  udpSize: number;
  /** The client wants DNSSEC's records too. */
  wantsSignatures: boolean;
}

/** Reads a name at `at`; undefined when it is broken. Pointers are followed, but never forwards. */
function readName(message: Buffer, at: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let limit = at;
  for (let position = at, length = 0; ; ) {
    const size = message[position];
    if (size === undefined) return undefined;
    if (size >= 0xc0) {
      const target = ((size & 0x3f) << 8) | (message[position + 1] ?? 0);
      end ??= position + 2;
      if (target >= limit) return undefined;
      limit = target;
      position = target;
      continue;
    }
    if (size > 63) return undefined;
    position += 1;
    if (size === 0) return { name: labels.join(".").toLowerCase(), end: end ?? position };
    length += size + 1;
    if (length > 255 || position + size > message.length) return undefined;
    labels.push(message.toString("latin1", position, position + size));
    position += size;
  }
}

/** Reads a query; undefined when it is none that can be answered, not even with an error. */
export function parseQuery(message: Buffer): Query | "malformed" | undefined {
  if (message.length < headerLength || message.readUInt16BE(2) & flagResponse) return undefined;
  if (message.readUInt16BE(4) !== 1 || (message.readUInt16BE(2) & 0x7800) !== 0) return "malformed";
  const found = readName(message, headerLength);
  if (!found || found.end + 4 > message.length) return "malformed";
  const end = found.end + 4;
  const options = readOptions(message, end);
  return {
    message,
    id: message.readUInt16BE(0),
    recursionDesired: (message.readUInt16BE(2) & flagRecursionDesired) !== 0,
    name: found.name,
    type: message.readUInt16BE(found.end),
    class: message.readUInt16BE(found.end + 2),
    question: message.subarray(headerLength, end),
    udpSize: Math.max(512, options?.size ?? 512),
    wantsSignatures: options?.signatures ?? false,
  };
}

/** The OPT record among those that follow the question. */
function readOptions(message: Buffer, from: number): { size: number; signatures: boolean } | undefined {
  for (const record of records(message, from)) {
    if (record.type !== recordType.OPT) continue;
    return { size: record.class, signatures: (record.ttl & 0x8000) !== 0 };
  }
  return undefined;
}

interface Record {
  type: number;
  class: number;
  ttl: number;
  /** Where the lifetime stands. */
  ttlAt: number;
  section: "answer" | "authority" | "additional";
  data: Buffer;
}

/** The records after the question, as far as they can be read. */
function* records(message: Buffer, from: number): Generator<Record> {
  const [answers, authorities, others] = [6, 8, 10].map((at) => message.readUInt16BE(at));
  const sections = [
    ...Array<Record["section"]>(answers ?? 0).fill("answer"),
    ...Array<Record["section"]>(authorities ?? 0).fill("authority"),
    ...Array<Record["section"]>(others ?? 0).fill("additional"),
  ];
  let at = from;
  for (const section of sections) {
    const name = readName(message, at);
    if (!name || name.end + 10 > message.length) return;
    const length = message.readUInt16BE(name.end + 8);
    const data = name.end + 10;
    if (data + length > message.length) return;
    yield {
      type: message.readUInt16BE(name.end),
      class: message.readUInt16BE(name.end + 2),
      ttl: message.readUInt32BE(name.end + 4),
      ttlAt: name.end + 4,
      section,
      data: message.subarray(data, data + length),
    };
    at = data + length;
  }
}

/** One record of an answer of ours, about the name that was asked for. */
export interface Answer {
  type: number;
  data: Buffer;
}

export const addressAnswer = (ip: Ip): Answer => ({
  type: ip.family === 4 ? recordType.A : recordType.AAAA,
  data: Buffer.from(ipBytes(ip)),
});

/** A name as RFC 1035 writes it. */
export function encodeName(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const parts = labels.flatMap((label) => {
    const bytes = Buffer.from(label, "latin1").subarray(0, 63);
    return [Buffer.of(bytes.length), bytes];
  });
  return Buffer.concat([...parts, Buffer.of(0)]);
}

export const nameAnswer = (name: string): Answer => ({ type: recordType.PTR, data: encodeName(name) });

/** An answer of our own. Its records live for `ttl` seconds. */
export function encodeReply(query: Query, code: number, answers: readonly Answer[] = [], ttl = 0): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(query.id, 0);
  const desired = query.recursionDesired ? flagRecursionDesired : 0;
  header.writeUInt16BE(
    flagResponse | (code === rcode.noError ? flagAuthoritative : 0) | desired | flagRecursionAvailable | code,
    2,
  );
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  const bodies = answers.map(({ type, data }) => {
    const head = Buffer.alloc(12);
    // A pointer to the question's name.
    head.writeUInt16BE(0xc000 | headerLength, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(classIN, 4);
    head.writeUInt32BE(ttl, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([header, query.question, ...bodies]);
}

/** The answer to a message that cannot be understood. */
export function malformedReply(message: Buffer): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(message.readUInt16BE(0), 0);
  header.writeUInt16BE(flagResponse | rcode.formatError, 2);
  return header;
}

/** The answer, or what of it fits into `size` bytes: then the client asks again over TCP. */
export function fitted(query: Query, reply: Buffer, size: number): Buffer {
  if (reply.length <= size) return reply;
  const short = Buffer.concat([reply.subarray(0, headerLength), query.question]);
  short.writeUInt16BE(short.readUInt16BE(2) | flagTruncated, 2);
  short.writeUInt16BE(0, 6);
  short.writeUInt32BE(0, 8);
  return short;
}

export const isTruncated = (reply: Buffer) => (reply.readUInt16BE(2) & flagTruncated) !== 0;
export const rcodeOf = (reply: Buffer) => reply.readUInt16BE(2) & 15;

/** True when `reply` answers the question of `query`, whatever its id is. */
export function answers(reply: Buffer, query: Query): boolean {
  if (reply.length < headerLength + query.question.length) return false;
  if (!(reply.readUInt16BE(2) & flagResponse) || reply.readUInt16BE(4) !== 1) return false;
  const found = readName(reply, headerLength);
  return (
    found?.name === query.name &&
    found.end + 4 <= reply.length &&
    reply.readUInt16BE(found.end) === query.type &&
    reply.readUInt16BE(found.end + 2) === query.class
  );
}

/** How many seconds an answer may be kept; 0: not at all. One that says "there is none" lives as RFC 2308 has it. */
export function lifetimeOf(reply: Buffer, query: Query): number {
  const code = rcodeOf(reply);
  if (isTruncated(reply) || (code !== rcode.noError && code !== rcode.noSuchName)) return 0;
  const all = [...records(reply, headerLength + query.question.length)];
  const given = all.filter(({ section }) => section === "answer").map(({ ttl }) => ttl);
  if (given.length > 0) return Math.min(...given);
  const soa = all.find(({ section, type }) => section === "authority" && type === recordType.SOA);
  return soa && soa.data.length >= 4 ? Math.min(soa.ttl, soa.data.readUInt32BE(soa.data.length - 4)) : 0;
}

/** A kept answer for another client: its id, its letters, and `age` seconds less to live. */
export function renewed(reply: Buffer, query: Query, age: number): Buffer {
  const copy = Buffer.from(reply);
  copy.writeUInt16BE(query.id, 0);
  query.question.copy(copy, headerLength);
  if (age === 0) return copy;
  for (const { type, ttl, ttlAt } of records(copy, headerLength + query.question.length)) {
    if (type !== recordType.OPT) copy.writeUInt32BE(Math.max(0, ttl - age), ttlAt);
  }
  return copy;
}

/** The address that a name of `in-addr.arpa` or `ip6.arpa` stands for, as text; undefined for others. */
export function reverseAddress(name: string): string | undefined {
  if (name.endsWith(".in-addr.arpa")) {
    const parts = name.slice(0, -".in-addr.arpa".length).split(".");
    return parts.length === 4 ? parts.toReversed().join(".") : undefined;
  }
  if (!name.endsWith(".ip6.arpa")) return undefined;
  const nibbles = name.slice(0, -".ip6.arpa".length).split(".").toReversed();
  if (nibbles.length !== 32) return undefined;
  return Array.from({ length: 8 }, (_, at) => nibbles.slice(4 * at, 4 * at + 4).join("")).join(":");
}
