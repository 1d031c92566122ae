import { closeSync } from "node:fs";
import { Packet, packetTypes } from "../api/buildkit/session.ts";
import type { FileList, ListCursor } from "../archive/file-list.ts";
import { awaitedNumber, contentStates, decodeRecord, stateOf, tailAt } from "../archive/file-record.ts";
import type { PacketStream } from "./stream.ts";

/**
 * So many files are asked for at a time: as many as a fast sender has under way while the answers travel, and few enough that
 * neither memory nor open files grow with what it tells.
 */
const most = 512;

/** A file whose content is on its way. `open`: once it begins to come. */
export interface Awaited {
  path: string;
  mode: number;
  modTime: bigint;
  /** Where the list has the tail of its record. */
  tail: number;
  open: { fd: number; hash: Bun.CryptoHasher | undefined } | undefined;
}

/** Asks for the content of files: of those that cannot be asked for yet the list on the disk knows. */
export class AwaitedFiles implements Disposable {
  readonly #stream: PacketStream;
  readonly #asked = new Map<number, Awaited>();
  /** Where those begin that were not asked for yet, and how many they are. */
  #next: { list: FileList; cursor: ListCursor } | undefined;
  #left = 0;

  constructor(stream: PacketStream) {
    this.#stream = stream;
  }

  /** Nothing is to come. */
  get isEmpty(): boolean {
    return this.#asked.size === 0 && this.#left === 0;
  }

  /** Those that were told must be `add`ed in their order; the record says `awaited`, and is at `offset` of the list. */
  async add(list: FileList, record: Buffer, offset: number): Promise<void> {
    if (this.#left === 0 && this.#asked.size < most) {
      await this.#ask(record, offset);
      return;
    }
    this.#left++;
    this.#next ??= { list, cursor: list.from(offset) };
  }

  /** The file that the sender calls `number`; undefined for one that was not asked for. */
  get(number: number): Awaited | undefined {
    return this.#asked.get(number);
  }

  /** It is there: others can be asked for. */
  async done(number: number): Promise<void> {
    this.#asked.delete(number);
    while (this.#next !== undefined && this.#asked.size < most) {
      const { cursor } = this.#next;
      const { record } = cursor;
      if (record !== undefined && stateOf(record) === contentStates.awaited) {
        this.#left--;
        await this.#ask(record, cursor.offset);
      }
      if (this.#left === 0) this.#next = undefined;
      else cursor.next();
    }
  }

  async #ask(record: Buffer, offset: number): Promise<void> {
    const number = awaitedNumber(record);
    const { path, mode, modTime } = decodeRecord(record);
    this.#asked.set(number, { path, mode, modTime, tail: offset + tailAt(record), open: undefined });
    await this.#stream.send(Packet.encode({ type: packetTypes.request, ID: number }));
  }

  [Symbol.dispose](): void {
    for (const { open } of this.#asked.values()) if (open !== undefined) closeSync(open.fd);
    this.#asked.clear();
  }
}
