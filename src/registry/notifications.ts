import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Database } from "./index/database.ts";

/** Where events are sent. */
export interface Endpoint {
  name: string;
  url: string;
  headers: Record<string, string>;
  timeoutMillis: number;
  /** Actions that are not sent (`pull`, …). */
  ignoredActions: readonly string[];
}

/** What happened; the field names are those of Docker's registry ("Work with notifications"). */
export interface RegistryEvent {
  action: "push" | "pull" | "mount" | "delete";
  target: EventTarget;
  /** Empty where nobody asked: what a retention rule gives up, and commands of the administrator. */
  request: { id: string; addr: string; host: string; method: string; useragent: string } | Empty;
  actor: { name: string } | Empty;
  /** `https://host` of this registry. */
  origin: string;
}

type Empty = Record<string, never>;

interface EventTarget {
  /** Not known of what is deleted. */
  mediaType?: string;
  /** None where a whole repository goes. */
  digest?: string;
  size?: number;
  repository: string;
  tag?: string;
  fromRepository?: string;
}

/** How many events one request brings. */
const batchSize = 50;
const firstPauseMillis = 1000;
const longestPauseMillis = 10 * 60_000;
const contentType = "application/vnd.docker.distribution.events.v1+json";

interface Row {
  id: string;
  event: string;
  attempts: number;
}

/**
 * Tells others what happens. Events are rows until their endpoint has taken them, in order, so that none is lost when
 * the registry or the endpoint is away; any instance may send them. An endpoint may get one twice.
 */
export class Notifier {
  readonly #endpoints: readonly Endpoint[];
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #source = { addr: hostname(), instanceID: randomUUID() };
  readonly #timer: Timer | undefined;
  #sending: Promise<void> | undefined;

  constructor(endpoints: readonly Endpoint[], database: Database, clock: Clock, log: Logger) {
    this.#endpoints = endpoints;
    this.#database = database;
    this.#clock = clock;
    this.#log = log;
    this.#timer = endpoints.length > 0 ? setInterval(() => void this.send(), firstPauseMillis) : undefined;
  }

  /** Writes the event down; it is sent afterwards. */
  async notify(event: RegistryEvent): Promise<void> {
    const endpoints = this.#endpoints.filter(({ ignoredActions }) => !ignoredActions.includes(event.action));
    if (endpoints.length === 0) return;
    const now = this.#clock.now();
    const body = JSON.stringify(this.#envelope(event, now));
    for (const { name } of endpoints) {
      await this.#database.run(
        "INSERT INTO notifications (id, endpoint, event, created_at, due_at) VALUES (?, ?, ?, ?, ?)",
        `${String(now).padStart(16, "0")}-${randomUUID()}`,
        name,
        body,
        now,
        now,
      );
    }
    void this.send();
  }

  /** Tells of what the registry does by itself, or by a command: no request brought it. */
  notifyDeleted(target: EventTarget, origin: string): Promise<void> {
    return this.notify({ action: "delete", target, request: {}, actor: {}, origin });
  }

  #envelope({ target, origin, ...event }: RegistryEvent, now: number) {
    const kind = target.mediaType?.includes("octet-stream") ? "blobs" : "manifests";
    return {
      id: randomUUID(),
      timestamp: new Date(now).toISOString(),
      ...event,
      target: {
        ...target,
        ...(target.size !== undefined && { length: target.size }),
        // What is deleted is nowhere any more.
        ...(event.action !== "delete" && {
          url: `${origin}/v2/${target.repository}/${kind}/${target.digest}`,
        }),
      },
      source: this.#source,
    };
  }

  /** Sends what is due; never rejects. */
  send(): Promise<void> {
    this.#sending ??= this.#sendAll()
      .catch((error) => this.#log.error("notifications", { error: messageOf(error) }))
      .finally(() => {
        this.#sending = undefined;
      });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => this.#sendTo(endpoint)));
  }

  async #sendTo(endpoint: Endpoint): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      const rows = await this.#database.all<Row & { due_at: number }>(
        `SELECT id, event, attempts, due_at FROM notifications WHERE endpoint = ? ORDER BY id LIMIT ${batchSize}`,
        endpoint.name,
      );
      const [first] = rows;
      // The oldest one says when the endpoint is tried again.
      if (!first || first.due_at > now) return;
      const failure = await post(
        endpoint,
        rows.map(({ event }) => JSON.parse(event) as unknown),
      );
      if (failure === undefined) {
        for (const { id } of rows) await this.#database.run("DELETE FROM notifications WHERE id = ?", id);
        continue;
      }
      const pause = Math.min(firstPauseMillis * 2 ** first.attempts, longestPauseMillis);
      this.#log.warn("notification failed", {
        endpoint: endpoint.name,
        error: failure,
        attempts: first.attempts + 1,
      });
      const sql = "UPDATE notifications SET attempts = attempts + 1, due_at = ? WHERE id = ?";
      await this.#database.run(sql, now + pause, first.id);
      return;
    }
  }

  /** Sends what is under way, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sending;
  }
}

/** Undefined when the endpoint has taken the events, else why not. */
async function post(
  { url, headers, timeoutMillis }: Endpoint,
  events: unknown[],
): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "Content-Type": contentType },
      body: JSON.stringify({ events }),
      signal: AbortSignal.timeout(timeoutMillis),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `status ${answer.status}`;
  } catch (error) {
    return messageOf(error);
  }
}
