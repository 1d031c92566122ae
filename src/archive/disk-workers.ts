import { cancelled, EngineError, internal } from "../base/errors.ts";
import { workerPath } from "../base/worker-path.ts";
import type { DiskJobKind, DiskJobs, DiskReply, DiskRequest } from "./disk-jobs.ts";

export interface DiskJobOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: number) => void) | undefined;
  onPiece?: ((piece: Uint8Array) => void) | undefined;
}

interface Task {
  request: DiskRequest;
  options: DiskJobOptions;
  resolve: (answer: never) => void;
  reject: (error: unknown) => void;
}

const idleMillis = 10_000;

/** How long a job that was cancelled may take to notice: after that its thread is stuck in a system call. */
const cancelMillis = 10_000;

/**
 * Threads for disk work, so that the event loop stays free and layers are unpacked side by side. They are started when
 * there is work, at most `limit` at a time, and end when there has been none for ten seconds.
 */
export class DiskWorkers implements Disposable {
  readonly #limit: number;
  readonly #waiting: Task[] = [];
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Task>();
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(limit = Math.max(2, navigator.hardwareConcurrency)) {
    this.#limit = limit;
  }

  /** Runs one job. Rejects with what the job throws, or `cancelled` when `signal` fires. */
  run<K extends DiskJobKind>(
    kind: K,
    ask: DiskJobs[K]["ask"],
    options: DiskJobOptions = {},
  ): Promise<DiskJobs[K]["answer"]> {
    if (this.#closed) return Promise.reject(cancelled("the daemon is shutting down"));
    if (options.signal?.aborted) return Promise.reject(cancelled("context canceled"));
    return new Promise((resolve, reject) => {
      const cancel = new SharedArrayBuffer(4);
      const request = { kind, ask, cancel } as DiskRequest;
      const task: Task = { request, options, resolve, reject };
      options.signal?.addEventListener("abort", () => this.#cancel(task), { once: true });
      this.#waiting.push(task);
      this.#dispatch();
    });
  }

  #cancel(task: Task): void {
    // A task that runs sees the flag; it is over when its worker says so, since until then it writes files.
    Atomics.store(new Int32Array(task.request.cancel), 0, 1);
    const at = this.#waiting.indexOf(task);
    if (at < 0) {
      setTimeout(() => this.#giveUp(task), cancelMillis).unref();
      return;
    }
    this.#waiting.splice(at, 1);
    task.reject(cancelled("context canceled"));
  }

  /** Its thread waits for a file system that does not answer: another one takes its place. It ends when it hears. */
  #giveUp(task: Task): void {
    const [worker] = [...this.#busy].find(([, one]) => one === task) ?? [];
    if (!worker) return;
    this.#busy.delete(worker);
    worker.unref();
    worker.onmessage = () => worker.terminate();
    task.reject(cancelled("context canceled"));
    this.#dispatch();
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.#limit ? this.#start() : undefined);
      const task = worker && this.#waiting.shift();
      if (!worker || !task) return;
      this.#busy.set(worker, task);
      worker.ref();
      worker.postMessage(task.request);
    }
  }

  #start(): Worker {
    const worker = new Worker(workerPath("archive/disk.worker"));
    worker.onmessage = ({ data }: MessageEvent<DiskReply>) => this.#hear(worker, data);
    worker.onerror = (event) => this.#lose(worker, event.message);
    return worker;
  }

  #hear(worker: Worker, reply: DiskReply): void {
    const task = this.#busy.get(worker);
    if (!task) return;
    if ("progress" in reply) {
      task.options.onProgress?.(reply.progress);
      return;
    }
    if ("piece" in reply) {
      task.options.onPiece?.(reply.piece);
      return;
    }
    this.#busy.delete(worker);
    this.#idle.push(worker);
    // A worker without work does not keep the process alive.
    worker.unref();
    this.#endLater();
    if ("error" in reply) task.reject(new EngineError(reply.error.code, reply.error.message));
    else task.resolve(reply.answer as never);
    this.#dispatch();
  }

  #lose(worker: Worker, message: string): void {
    const task = this.#busy.get(worker);
    this.#busy.delete(worker);
    worker.terminate();
    task?.reject(internal(`a disk worker failed: ${message}`));
    this.#dispatch();
  }

  #endLater(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      for (const worker of this.#idle.splice(0)) worker.terminate();
    }, idleMillis);
    this.#idleTimer.unref();
  }

  /** Ends the threads; what runs is cut off and its promise rejected. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    for (const [worker, task] of this.#busy) {
      Atomics.store(new Int32Array(task.request.cancel), 0, 1);
      worker.terminate();
      task.reject(cancelled("the daemon is shutting down"));
    }
    for (const task of this.#waiting.splice(0)) task.reject(cancelled("the daemon is shutting down"));
    for (const worker of this.#idle.splice(0)) worker.terminate();
    this.#busy.clear();
  }
}
