import { readFile, stat } from "node:fs/promises";
import { invalidArgument, messageOf, unavailable } from "../../base/errors.ts";
import { sha256Of } from "../../oci/digester.ts";
import { RegistryError } from "../errors.ts";
import { type Authenticator, basicCredentials, type Identity, type RequestInfo } from "./identity.ts";
import { almighty } from "./open.ts";
import type { Throttle } from "./throttle.ts";

/** How long a password that was right is not hashed again: each request of a push brings it. */
const knownMillis = 5 * 60_000;
/** Compared against for users that are not there, so that both take the same time. */
const nobody = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8mX9Yz3Zz8p1bJ6uXn0ZpYy1u4m5G6";

/** Parses `user:hash` lines; only bcrypt is taken, as by Docker's registry. Throws `invalidArgument`. */
export function parseHtpasswd(text: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const hash = line.slice(colon + 1).trim();
    if (colon <= 0) throw invalidArgument(`line ${index + 1} is not USER:HASH`);
    if (!/^\$2[aby]\$/.test(hash)) {
      throw invalidArgument(`line ${index + 1}: the hash is not bcrypt; make it with htpasswd -B`);
    }
    users.set(line.slice(0, colon), hash);
  }
  return users;
}

/** Everybody in a file that Apache's htpasswd(1) made may do everything; the file is read anew when it changes. */
export class HtpasswdAuthenticator implements Authenticator {
  readonly #path: string;
  readonly #realm: string;
  readonly #throttle: Throttle;
  #users = new Map<string, string>();
  #version = "";
  readonly #known = new Map<string, number>();

  private constructor(path: string, realm: string, throttle: Throttle) {
    this.#path = path;
    this.#realm = realm;
    this.#throttle = throttle;
  }

  /** Throws `invalidArgument` for a file that cannot be used. */
  static async open(path: string, realm: string, throttle: Throttle): Promise<HtpasswdAuthenticator> {
    const opened = new HtpasswdAuthenticator(path, realm, throttle);
    await opened.#refresh();
    return opened;
  }

  async #refresh(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#users = parseHtpasswd(await readFile(this.#path, "utf8"));
      this.#known.clear();
      this.#version = version;
    } catch (error) {
      const reason = `htpasswd file ${this.#path}: ${messageOf(error)}`;
      // It may be just being written; whoever asks can ask again.
      throw this.#version === "" ? invalidArgument(reason, error) : unavailable(reason, error);
    }
  }

  async identify({ authorization, remote }: RequestInfo): Promise<Identity> {
    const given = basicCredentials(authorization);
    if (!given) return { account: undefined, may: async () => false, visible: async () => nothing };
    await this.#refresh();
    const key = sha256Of(`${given.user}\0${given.password}`);
    if ((this.#known.get(key) ?? 0) < Date.now()) await this.#verify(given, key, remote);
    return almighty(given.user);
  }

  async #verify(
    { user, password }: { user: string; password: string },
    key: string,
    remote: string,
  ): Promise<void> {
    const isRight = await this.#throttle.attempt(user, remote, async () => {
      // Another request with the same password may have been first.
      if ((this.#known.get(key) ?? 0) >= Date.now()) return true;
      const right = await Bun.password.verify(password, this.#users.get(user) ?? nobody);
      return (right && this.#users.has(user)) || undefined;
    });
    if (!isRight) throw new RegistryError("UNAUTHORIZED");
    if (this.#known.size > 10_000) this.#known.clear();
    this.#known.set(key, Date.now() + knownMillis);
  }

  challenge(): string {
    return `Basic realm="${this.#realm.replace(/["\\]/g, "")}"`;
  }
}

const nothing = { sql: "1 = 0", values: [] };
