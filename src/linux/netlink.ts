import { closeSync } from "node:fs";
import { endianness } from "node:os";
import { check, libc, SyscallError } from "./libc.ts";

/** Protocols of netlink(7). */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
/** The part of netfilter that nftables is, in the types of its messages. (<linux/netfilter/nfnetlink.h>) */
export const NFNL_SUBSYS_NFTABLES = 10;

export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLA_F_NESTED = 0x8000;
const NLMSGERR_ATTR_MSG = 1;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

const c = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
});

if (endianness() !== "LE") throw new Error("netlink messages are written for little-endian machines");

/** An attribute: its type, and its payload or the attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

export const u8 = (value: number) => Uint8Array.of(value);
export const u16 = (value: number) => new Uint8Array(Uint16Array.of(value).buffer);
export const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
/** In network byte order, as netfilter has its numbers. */
export const be16 = (value: number) => Uint8Array.of(value >>> 8, value & 255);
/** A string with its NUL. */
export const text = (value: string) => new Uint8Array(Buffer.from(`${value}\0`));

const padded = (length: number) => (length + 3) & ~3;

function encodeAttribute([type, value]: Attribute): Buffer {
  const nested = !(value instanceof Uint8Array);
  const payload = nested ? encodeAttributes(value) : value;
  const buffer = Buffer.alloc(padded(4 + payload.length));
  buffer.writeUInt16LE(4 + payload.length, 0);
  buffer.writeUInt16LE(nested ? type | NLA_F_NESTED : type, 2);
  buffer.set(payload, 4);
  return buffer;
}

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

/** The attributes of `bytes` by type; a type that comes again replaces the one before. Hostile lengths end the walk. */
export function decodeAttributes(bytes: Uint8Array): Map<number, Buffer> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= view.length; ) {
    const length = view.readUInt16LE(at);
    if (length < 4 || at + length > view.length) break;
    found.set(view.readUInt16LE(at + 2) & 0x3fff, view.subarray(at + 4, at + length));
    at += padded(length);
  }
  return found;
}

/** One request: the family's fixed header, then attributes. */
export interface NetlinkMessage {
  type: number;
  flags?: number;
  header: Uint8Array;
  attributes?: readonly Attribute[];
  /** What the message is about, for the error. */
  subject?: string;
}

function encodeMessage(message: NetlinkMessage, flags: number, sequence: number): Buffer {
  const body = Buffer.concat([message.header, encodeAttributes(message.attributes ?? [])]);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + body.length, 0);
  head.writeUInt16LE(message.type, 4);
  head.writeUInt16LE(NLM_F_REQUEST | (message.flags ?? 0) | flags, 6);
  head.writeUInt32LE(sequence, 8);
  return Buffer.concat([head, body, Buffer.alloc(padded(body.length) - body.length)]);
}

interface Reply {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

function* replies(datagram: Buffer): Generator<Reply> {
  for (let at = 0; at + 16 <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < 16 || at + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + 16, at + length),
    };
    at += padded(length);
  }
}

/** The kernel's own words for a refusal, where it gives any. */
function extendedMessage({ flags, payload }: Reply): string | undefined {
  if (!(flags & NLM_F_ACK_TLVS)) return undefined;
  const echoed = flags & NLM_F_CAPPED ? 16 : payload.readUInt32LE(4);
  return decodeAttributes(payload.subarray(4 + padded(echoed)))
    .get(NLMSGERR_ATTR_MSG)
    ?.toString()
    .replace(/\0$/, "");
}

function errorOf(reply: Reply, syscall: string, subject: string | undefined): SyscallError | undefined {
  const code = reply.payload.readInt32LE(0);
  if (code === 0) return undefined;
  const words = [subject, extendedMessage(reply)].filter((word) => word !== undefined);
  return new SyscallError(syscall, -code, words.length > 0 ? words.join(": ") : undefined);
}

/**
 * A netlink socket of the network namespace that the calling thread is in when it is made. All calls are synchronous:
 * the kernel has done its work when they return.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;
  readonly #buffer = Buffer.alloc(64 * 1024);

  constructor(protocol = NETLINK_ROUTE) {
    this.#fd = check(c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket", "netlink");
    // Not having these costs only the kernel's words in an error.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
      c.setsockopt(this.#fd, SOL_NETLINK, option, u32(1), 4);
    }
  }

  #send(bytes: Buffer): void {
    check(c.send(this.#fd, bytes, bytes.length, 0), "netlink send");
  }

  #receive(flags = 0): Buffer {
    const received = c.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_TRUNC | flags);
    const length = check(received, "netlink receive");
    if (length > this.#buffer.length) throw new Error(`netlink answer of ${length} bytes does not fit`);
    return Buffer.from(this.#buffer.subarray(0, length));
  }

  /**
   * Sends `messages` in one call and waits until each has been answered. The kernel works on them in order, and on the
   * rest even when one fails: the first failure is thrown, as a `SyscallError` with the `subject` of its message.
   */
  request(...messages: readonly NetlinkMessage[]): void {
    const first = this.#sequence + 1;
    this.#sequence += messages.length;
    this.#send(Buffer.concat(messages.map((message, at) => encodeMessage(message, NLM_F_ACK, first + at))));
    let failure: SyscallError | undefined;
    for (let open = messages.length; open > 0; ) {
      for (const reply of replies(this.#receive())) {
        if (reply.type !== NLMSG_ERROR || reply.sequence < first) continue;
        open--;
        failure ??= errorOf(reply, "netlink", messages[reply.sequence - first]?.subject);
      }
    }
    if (failure) throw failure;
  }

  /**
   * Sends `messages` as a batch of nfnetlink (<linux/netfilter/nfnetlink.h>): the kernel does all that they say, or
   * nothing. `header` is that of the batch. Throws the first failure, as a `SyscallError` with the `subject` of its message.
   */
  transaction(header: Uint8Array, messages: readonly NetlinkMessage[]): void {
    if (messages.length === 0) return;
    const begin = this.#sequence + 1;
    const last = begin + messages.length;
    this.#sequence = last + 1;
    // An answer to each would not fit into the socket's buffer: those that fail are answered anyway.
    const flags = (at: number) => (begin + 1 + at === last ? NLM_F_ACK : 0);
    this.#send(
      Buffer.concat([
        encodeMessage({ type: NFNL_MSG_BATCH_BEGIN, header }, 0, begin),
        ...messages.map((message, at) => encodeMessage(message, flags(at), begin + 1 + at)),
        encodeMessage({ type: NFNL_MSG_BATCH_END, header }, 0, last + 1),
      ]),
    );
    for (let done = false, failure: SyscallError | undefined; !done; ) {
      // All answers are there by now.
      for (const reply of replies(this.#receive(MSG_DONTWAIT))) {
        if (reply.type !== NLMSG_ERROR || reply.sequence < begin) continue;
        failure ??= errorOf(reply, "nftables", messages[reply.sequence - begin - 1]?.subject);
        // A batch that is refused as a whole is answered by its beginning.
        done ||= reply.sequence === last || reply.sequence === begin;
      }
      if (done && failure) throw failure;
    }
  }

  /** Everything that the kernel lists for `message`: the payloads, each its fixed header and its attributes. */
  dump(message: NetlinkMessage): Buffer[] {
    for (let attempt = 0; ; attempt++) {
      const { parts, interrupted } = this.#dumpOnce(message);
      // A list that changed while it was read may miss entries.
      if (!interrupted || attempt === 5) return parts;
    }
  }

  #dumpOnce(message: NetlinkMessage): { parts: Buffer[]; interrupted: boolean } {
    const sequence = ++this.#sequence;
    this.#send(encodeMessage(message, NLM_F_DUMP, sequence));
    const parts: Buffer[] = [];
    let interrupted = false;
    for (;;) {
      for (const reply of replies(this.#receive())) {
        if (reply.sequence !== sequence) continue;
        if (reply.flags & NLM_F_DUMP_INTR) interrupted = true;
        if (reply.type === NLMSG_DONE) return { parts, interrupted };
        if (reply.type !== NLMSG_ERROR) parts.push(reply.payload);
        else throw errorOf(reply, "netlink", message.subject) ?? new Error("netlink: a list without an end");
      }
    }
  }

  /** The one object that `message` asks for. */
  get(message: NetlinkMessage): Buffer {
    const sequence = ++this.#sequence;
    this.#send(encodeMessage(message, 0, sequence));
    for (;;) {
      for (const reply of replies(this.#receive())) {
        if (reply.sequence !== sequence) continue;
        if (reply.type !== NLMSG_ERROR) return reply.payload;
        throw errorOf(reply, "netlink", message.subject) ?? new Error("netlink: an answer without content");
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
