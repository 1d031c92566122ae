import { isIP } from "node:net";
import { KeyedQueue } from "../../base/async.ts";
import type { Clock } from "../../base/clock.ts";
import { RegistryError } from "../errors.ts";
import type { Database } from "../index/database.ts";

const windowMillis = 5 * 60_000;

/** What is counted in a window, and how often it may be. */
interface Subject {
  subject: string;
  limit: number;
}

/** What counts as one client: an address, of IPv6 the network that one subscriber has (RFC 6177). */
export function clientOf(remote: string): string {
  const [address = ""] = remote.split("%");
  if (isIP(address) !== 6) return remote;
  const [front = "", back] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string) => text.split(":").filter(Boolean);
  const ends = groups(back ?? "");
  const middle = Array.from({ length: 8 - groups(front).length - ends.length }, () => "0");
  return `${[...groups(front), ...middle, ...ends].slice(0, 4).join(":")}::/64`;
}

/** A longer name than this is nobody's; as a subject it would only fill the index. */
const maxName = 255;

/** How many failures each of these may have in a window: one guesser, one address, one account attacked by many. */
function subjectsOf(account: string, remote: string): Subject[] {
  return [
    { subject: `both ${account} ${remote}`, limit: 10 },
    { subject: `address ${remote}`, limit: 50 },
    { subject: `account ${account}`, limit: 200 },
  ];
}

/** How many accounts one address may make in a window. */
const signUpLimit = 30;

/** Slows down whoever guesses passwords, on all instances together. */
export class Throttle {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #queue = new KeyedQueue();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /**
   * What `verify` gives, counting it as a failed log-in when that is undefined. One attempt of an address at a time:
   * who sends many at once must not get more than who sends one after the other. Throws TOOMANYREQUESTS while there
   * have been too many failures.
   */
  attempt<T>(name: string, from: string, verify: () => Promise<T | undefined>): Promise<T | undefined> {
    const remote = clientOf(from);
    const account = name.slice(0, maxName);
    return this.#queue.run(remote, async () => {
      const subjects = subjectsOf(account, remote);
      await this.#check(subjects, "failed log-ins");
      const result = await verify();
      await (result === undefined ? this.#count(subjects) : this.#succeeded(account, remote));
      return result;
    });
  }

  /** Runs what makes an account, one at a time for an address. Throws TOOMANYREQUESTS after too many. */
  signUp<T>(from: string, make: () => Promise<T>): Promise<T> {
    const remote = clientOf(from);
    const subjects = [{ subject: `sign-up ${remote}`, limit: signUpLimit }];
    return this.#queue.run(remote, async () => {
      await this.#check(subjects, "accounts from your address");
      const made = await make();
      await this.#count(subjects);
      return made;
    });
  }

  async #check(subjects: readonly Subject[], what: string): Promise<void> {
    const now = this.#clock.now();
    for (const { subject, limit } of subjects) {
      const row = await this.#database.get<{ count: number; expires_at: number }>(
        "SELECT count, expires_at FROM failures WHERE subject = ?",
        subject,
      );
      if (!row || row.expires_at <= now || row.count < limit) continue;
      const seconds = Math.ceil((row.expires_at - now) / 1000);
      throw new RegistryError("TOOMANYREQUESTS", {
        message: `too many ${what}: try again in ${seconds} seconds`,
        headers: { "Retry-After": String(seconds) },
      });
    }
  }

  async #count(subjects: readonly Subject[]): Promise<void> {
    const now = this.#clock.now();
    await this.#database.run("DELETE FROM failures WHERE expires_at <= ?", now);
    for (const { subject } of subjects) {
      await this.#database.run(
        `INSERT INTO failures (subject, count, expires_at) VALUES (?, 1, ?)
         ON CONFLICT (subject) DO UPDATE SET count = failures.count + 1`,
        subject,
        now + windowMillis,
      );
    }
  }

  /** A success ends the count of the one who had it. */
  async #succeeded(account: string, remote: string): Promise<void> {
    const sql = "SELECT count FROM failures WHERE subject = ?";
    const subject = `both ${account} ${remote}`;
    if (await this.#database.get(sql, subject)) {
      await this.#database.run("DELETE FROM failures WHERE subject = ?", subject);
    }
  }
}
