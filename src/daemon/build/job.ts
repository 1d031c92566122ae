import type { CacheEntry } from "../../api/buildkit/cache-entries.ts";
import type { GrpcError } from "../../api/grpc/status.ts";
import { Cleanups } from "../../base/disposables.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { Entitlements } from "../../builder/entitlements.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import type { Sessions } from "../../builder/session/sessions.ts";
import { WorkRoot } from "../../builder/work-root.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Lease } from "../../images/blobs.ts";
import { formatPlatform } from "../../oci/platform.ts";
import { type CacheExport, exportCaches } from "./cache-exports.ts";
import { answer, type Evaluated, type EvaluateRequest, evaluate } from "./evaluate.ts";
import { type ExportAnswer, exportAll, type Output } from "./export.ts";
import type { FrontendAttrs } from "./frontend-options.ts";
import type { Jobs } from "./jobs.ts";
import { StatusChannel } from "./status-channel.ts";
import { StatusProgress } from "./status-progress.ts";
import type { Answer } from "./subrequests.ts";

/** What a build is given besides its attributes. */
interface Asked {
  imports?: readonly CacheEntry[];
  inputs: EvaluateRequest["inputs"];
}

/** What a client that builds through the gateway has come to: the ids of results, or what went wrong there. */
type Returned = { refs: readonly string[] } | { error: GrpcError };

/** `--cache-from` and `--cache-to`. */
export interface JobCaches {
  imports: readonly CacheEntry[];
  exports: readonly CacheExport[];
}

interface JobOptions {
  sessions: Sessions;
  jobs: Jobs;
  entitlements: Entitlements;
  signal: AbortSignal;
}

/** A build that a client of the control API carries out: one `Solve`, with what is asked beside it. */
export class Job implements AsyncDisposable {
  readonly status = new StatusChannel();
  readonly progress = new StatusProgress((status) => this.status.push(status));
  readonly #engine: Engine;
  caches: JobCaches = { imports: [], exports: [] };
  readonly #session: ClientSession;
  readonly #sessions: Sessions;
  readonly #jobs: Jobs;
  readonly #entitlements: Entitlements;
  readonly #signal: AbortSignal;
  readonly #owned = new Cleanups();
  readonly #lease: Lease;
  readonly #trees = new Map<string, Promise<string>>();
  readonly #results = new Map<string, Evaluated>();
  readonly #returned = Promise.withResolvers<Returned>();

  constructor(engine: Engine, session: ClientSession, { sessions, jobs, entitlements, signal }: JobOptions) {
    this.#sessions = sessions;
    this.#jobs = jobs;
    this.#engine = engine;
    this.#entitlements = entitlements;
    this.#session = session;
    this.#signal = AbortSignal.any([signal, session.rpc.closed]);
    this.#lease = engine.blobs.lease();
  }

  /** Answers a question about a Dockerfile. */
  ask(requestid: string, attrs: FrontendAttrs, signal: AbortSignal): Promise<Answer> {
    return answer(this.#engine, this.#request(attrs, signal, { inputs: () => undefined }), requestid);
  }

  #request(attrs: FrontendAttrs, signal: AbortSignal, { imports = [], inputs }: Asked): EvaluateRequest {
    return {
      inputs,
      session: this.#session,
      sessions: this.#sessions,
      attrs,
      imports: [...this.caches.imports, ...imports],
      entitlements: this.#entitlements,
      progress: this.progress,
      lease: this.#lease,
      owned: this.#owned,
      signal: AbortSignal.any([this.#signal, signal]),
    };
  }

  /** Carries out a Dockerfile, with `imports` besides those of the job. Returns the ids of the results by platform. */
  async evaluate(attrs: FrontendAttrs, signal: AbortSignal, asked: Asked): Promise<Map<string, string>> {
    const results = await evaluate(this.#engine, this.#request(attrs, signal, asked));
    const ids = new Map<string, string>();
    for (const result of results) {
      const id = crypto.randomUUID();
      this.#results.set(id, result);
      this.#jobs.keep(id, result);
      ids.set(formatPlatform(result.options.platform), id);
    }
    return ids;
  }

  /** Where the files of a result are, mounted until the end of the build. */
  tree(id: string): Promise<string> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const mounted = WorkRoot.create(this.#engine.builder, this.result(id).built.state).then((root) => {
      this.#owned.add(() => root[Symbol.asyncDispose]());
      return root.mountPlain();
    });
    this.#trees.set(id, mounted);
    return mounted;
  }

  /** The client has done what it wanted to do by itself. */
  return(returned: Returned): void {
    this.#returned.resolve(returned);
  }

  /** Waits for the client's own part, and hands over what it has chosen. */
  async exportReturned(outputs: readonly Output[], attrs: FrontendAttrs): Promise<ExportAnswer> {
    const gone = Promise.withResolvers<never>();
    const abort = () => gone.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", abort, { once: true });
    try {
      const returned = await Promise.race([this.#returned.promise, gone.promise]);
      if ("error" in returned) throw returned.error;
      return await this.export(returned.refs, outputs, attrs);
    } finally {
      this.#signal.removeEventListener("abort", abort);
    }
  }

  async export(
    ids: readonly string[],
    outputs: readonly Output[],
    attrs: FrontendAttrs,
  ): Promise<ExportAnswer> {
    const results = ids.map((id) => this.result(id));
    if (results.length === 0) return {};
    const request = {
      session: this.#session,
      attrs,
      progress: this.progress,
      lease: this.#lease,
      owned: this.#owned,
      signal: this.#signal,
    };
    const { exports } = this.caches;
    const withInline = exports.some(({ Type }) => Type === "inline")
      ? results.map((result) => ({ ...result, options: { ...result.options, inlineCache: true } }))
      : results;
    const answer = await exportAll(this.#engine, request, withInline, outputs);
    return { ...answer, ...(await exportCaches(this.#engine, request, { results, outputs, exports })) };
  }

  /** Throws `invalidArgument` for an id that nothing has. */
  result(id: string): Evaluated {
    const result = this.#results.get(id);
    if (result === undefined) throw invalidArgument(`no reference found for ${id}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.progress.flush();
    this.status.end();
    await this.#owned[Symbol.asyncDispose]();
    this.#lease.release();
  }
}
