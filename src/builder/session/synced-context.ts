import type { FileList } from "../../archive/file-list.ts";
import { internal } from "../../base/errors.ts";
import { RootfsView } from "../../containers/spec/rootfs-view.ts";
import type { OnBytes } from "../../filesync/receive.ts";
import type { BuildContext } from "../options.ts";
import type { ClientSession } from "./client-session.ts";
import type { ContextStore, TakenContext } from "./context-store.ts";
import { requestFiles } from "./request-files.ts";
import { stampOf } from "./stamps.ts";

export interface SyncRequest {
  session: ClientSession;
  /** Which of the folders that the client offers. */
  name: string;
  /** Which copy of it is kept here: those that are for different things have different files. */
  purpose: string;
  signal: AbortSignal;
  /** Wraps the transfer, so that people see it. */
  shown: (transfer: (onBytes: OnBytes) => Promise<void>) => Promise<void>;
}

/** A folder of the client, received when the build first needs it; disposing of it gives it back to the store. */
export class SyncedContext implements BuildContext, AsyncDisposable {
  readonly #store: ContextStore;
  readonly #request: SyncRequest;
  #taken: TakenContext | undefined;
  #files: Promise<FileList> | undefined;
  #follow: readonly string[] | undefined;
  #exclude: readonly string[] = [];

  constructor(store: ContextStore, request: SyncRequest) {
    this.#store = store;
    this.#request = request;
  }

  /** Which of the client's folders it is. */
  get name(): string {
    return this.#request.name;
  }

  async directory(): Promise<string> {
    await this.#sync();
    return this.#taken?.directory ?? "";
  }

  async contents(): Promise<string | undefined> {
    await this.#sync();
    return this.#taken?.list;
  }

  /** The times of files say what they are only in the folder of one client. */
  async stamp(paths: readonly string[]): Promise<string> {
    const stamp = stampOf(await this.#sync(), paths);
    return `${this.#taken?.id} ${stamp}`;
  }

  /** The text of a file; undefined where the client has none. Symbolic links lead nowhere outside of the folder. */
  async text(name: string): Promise<string | undefined> {
    const files = await this.#sync();
    if (this.#taken === undefined || files.find(name) === undefined) return undefined;
    using view = new RootfsView(this.#taken.directory);
    return view.readText(`/${name}`);
  }

  /** Before the first use: only these paths are needed; undefined for all. */
  only(paths: readonly string[] | undefined): void {
    this.#follow = paths;
  }

  /** Before the first use: patterns as in `.dockerignore`. */
  exclude(patterns: readonly string[]): void {
    this.#exclude = patterns;
  }

  all(): void {
    if (this.#follow === undefined) return;
    this.#follow = undefined;
    // What is there already stays as it is: only more files come.
    if (this.#files !== undefined) this.#files = this.#files.then(() => this.#receive());
  }

  #sync(): Promise<FileList> {
    this.#files ??= this.#receive();
    return this.#files;
  }

  async #receive(): Promise<FileList> {
    const { session, name, signal, shown } = this.#request;
    this.#taken ??= this.#take();
    const taken = this.#taken;
    const { directory, known, begin } = taken;
    const files = { name, exclude: this.#exclude, follow: this.#follow };
    const onChange = () => taken.dirty();
    let now: FileList | undefined;
    await shown(async (onBytes) => {
      const target = { directory, known, begin, onChange, hash: true };
      now = await requestFiles(session, files, target, { onBytes, signal });
    });
    if (now === undefined) throw internal("the transfer of a context was not carried out");
    if (now !== known) taken.keep(now);
    return now;
  }

  #take(): TakenContext {
    const { session, name, purpose } = this.#request;
    const key = [session.sharedKey || session.id, name, purpose];
    return this.#store.take(key, { keep: session.sharedKey !== "" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files?.catch(() => {});
    this.#taken?.[Symbol.dispose]();
  }
}
