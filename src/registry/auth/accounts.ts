import { randomBytes } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { conflict, invalidArgument, notFound } from "../../base/errors.ts";
import { sha256Of } from "../../oci/digester.ts";
import type { Database } from "../index/database.ts";
import type { Visibility } from "../repositories.ts";
import { isRole, lesserRole, type Role, roleAllows } from "./identity.ts";

/** A user, or an organisation: both are the first part of their repositories' names. */
export interface Account {
  name: string;
  kind: "user" | "organisation";
  email: string;
  administrator: boolean;
  description: string;
  created_at: number;
}

/** What a token is for: programs (`access`), a client that stays logged in (`refresh`), a browser (`session`). */
export type TokenKind = "access" | "refresh" | "session";

export interface TokenRow {
  id: string;
  kind: TokenKind;
  account: string;
  label: string;
  role: Role;
  created_at: number;
  expires_at: number | null;
  used_at: number | null;
}

/** Names that a namespace must not have: they are the pages of this server, or belong to it. */
const reserved = new Set([
  "library",
  "explore",
  "login",
  "logout",
  "signup",
  "settings",
  "token",
  "v1",
  "v2",
  "metrics",
  "healthz",
  "debug",
  "assets",
  "new",
  "admin",
  "search",
]);
const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?$/;
const minPasswordLength = 8;
/** bcrypt, 2^10 rounds: about 60 ms. */
const hashing = { algorithm: "bcrypt", cost: 10 } as const;
/** How long a password that was right is not hashed again: some clients send it with each request. */
const knownMillis = 5 * 60_000;
/** Tokens of programs begin with it, so that scanners for leaked secrets find them. */
const tokenPrefix = "lsr_";
/** A use is noted no more often than this. */
const usedMillis = 60_000;

/** Users, organisations, what they may do, and their tokens. */
export class Accounts {
  readonly database: Database;
  readonly clock: Clock;
  #decoy: Promise<string> | undefined;
  readonly #known = new Map<string, number>();

  constructor(database: Database, clock: Clock) {
    this.database = database;
    this.clock = clock;
  }

  async get(name: string): Promise<Account | undefined> {
    const row = await this.database.get<Account>(
      "SELECT name, kind, email, administrator, description, created_at FROM accounts WHERE name = ?",
      name,
    );
    return row && { ...row, administrator: Boolean(row.administrator) };
  }

  /** One page of the accounts whose name or address has `text` in it. */
  async search(text: string, { limit, offset }: { limit: number; offset: number }): Promise<Account[]> {
    const pattern = `%${text.toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
    const rows = await this.database.all<Account>(
      `SELECT name, kind, email, administrator, description, created_at FROM accounts
       WHERE name LIKE ? ESCAPE '\\' OR LOWER(email) LIKE ? ESCAPE '\\' ORDER BY name LIMIT ? OFFSET ?`,
      pattern,
      pattern,
      limit,
      offset,
    );
    return rows.map((row) => ({ ...row, administrator: Boolean(row.administrator) }));
  }

  async list(kind: Account["kind"]): Promise<Account[]> {
    const rows = await this.database.all<Account>(
      "SELECT name, kind, email, administrator, description, created_at FROM accounts WHERE kind = ? ORDER BY name",
      kind,
    );
    return rows.map((row) => ({ ...row, administrator: Boolean(row.administrator) }));
  }

  /** Throws `invalidArgument`, `conflict`. */
  async createUser(
    name: string,
    password: string,
    { email = "", administrator = false } = {},
  ): Promise<void> {
    checkName(name);
    checkPassword(password);
    const hash = await Bun.password.hash(password, hashing);
    await this.#create({ name, kind: "user", email, administrator }, hash);
  }

  /** Makes an organisation with `owner` as its first administrator. Throws `invalidArgument`, `conflict`. */
  async createOrganisation(name: string, owner?: string): Promise<void> {
    checkName(name);
    if (owner !== undefined) await this.require(owner, "user");
    await this.#create({ name, kind: "organisation", email: "", administrator: false }, "");
    if (owner !== undefined) await this.setMember(name, owner, "admin");
  }

  async #create(account: Omit<Account, "created_at" | "description">, hash: string): Promise<void> {
    const added = await this.database.run(
      `INSERT INTO accounts (name, kind, email, password, administrator, created_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO NOTHING`,
      account.name,
      account.kind,
      account.email,
      hash,
      Number(account.administrator),
      this.clock.now(),
    );
    if (added === 0) throw conflict(`the name ${account.name} is taken`);
  }

  /** True for a name that has repositories, though perhaps no account: whoever gets it gets those. */
  async hasRepositories(name: string): Promise<boolean> {
    const sql = "SELECT name FROM repositories WHERE name > ? AND name < ? LIMIT 1";
    return (await this.database.get(sql, `${name}/`, `${name}0`)) !== undefined;
  }

  /** Throws `notFound`. */
  async require(name: string, kind: Account["kind"]): Promise<Account> {
    const account = await this.get(name);
    if (account?.kind !== kind) throw notFound(`there is no ${kind} ${name}`);
    return account;
  }

  /**
   * Removes an account with its tokens and rights. Its repositories stay, for the administrators, and its name can be
   * given again by them only. Throws `notFound`.
   */
  async remove(name: string, kind: Account["kind"]): Promise<void> {
    await this.require(name, kind);
    await this.database.transaction(async (queries) => {
      for (const table of ["tokens", "stars", "grants", "members"]) {
        await queries.run(`DELETE FROM ${table} WHERE account = ?`, name);
      }
      await queries.run("DELETE FROM members WHERE organisation = ?", name);
      await queries.run("DELETE FROM accounts WHERE name = ?", name);
    });
  }

  /** Sets a password and ends all sessions. Throws `invalidArgument`, `notFound`. */
  async setPassword(name: string, password: string): Promise<void> {
    await this.require(name, "user");
    checkPassword(password);
    const hash = await Bun.password.hash(password, hashing);
    await this.database.run("UPDATE accounts SET password = ? WHERE name = ?", hash, name);
    await this.database.run("DELETE FROM tokens WHERE account = ? AND kind <> 'access'", name);
  }

  async setAdministrator(name: string, administrator: boolean): Promise<void> {
    await this.require(name, "user");
    await this.database.run(
      "UPDATE accounts SET administrator = ? WHERE name = ?",
      Number(administrator),
      name,
    );
  }

  /** True when it is the user's password. Takes as long for a user that is not there. */
  async verifyPassword(name: string, password: string): Promise<boolean> {
    const sql = "SELECT password FROM accounts WHERE name = ? AND kind = 'user'";
    const row = await this.database.get<{ password: string }>(sql, name);
    this.#decoy ??= Bun.password.hash(randomBytes(16).toString("hex"), hashing);
    const hash = row?.password || (await this.#decoy);
    // With the hash in it, a changed password is another key.
    const key = sha256Of(`${hash}\0${password}`);
    if ((this.#known.get(key) ?? 0) > this.clock.now()) return true;
    const right = (await Bun.password.verify(password, hash)) && row !== undefined;
    if (this.#known.size > 10_000) this.#known.clear();
    if (right) this.#known.set(key, this.clock.now() + knownMillis);
    return right;
  }

  /** Throws `notFound`, `invalidArgument`. */
  async setMember(organisation: string, user: string, role: Role | "none"): Promise<void> {
    await this.require(organisation, "organisation");
    await this.require(user, "user");
    await this.#setRole("members", "organisation", organisation, user, role);
  }

  members(organisation: string): Promise<{ account: string; role: Role }[]> {
    return this.database.all(
      "SELECT account, role FROM members WHERE organisation = ? ORDER BY account",
      organisation,
    );
  }

  organisationsOf(user: string): Promise<{ organisation: string; role: Role }[]> {
    return this.database.all(
      "SELECT organisation, role FROM members WHERE account = ? ORDER BY organisation",
      user,
    );
  }

  /** Gives a user a right to one repository. Throws `notFound`, `invalidArgument`. */
  async setGrant(repository: string, user: string, role: Role | "none"): Promise<void> {
    await this.require(user, "user");
    await this.#setRole("grants", "repository", repository, user, role);
  }

  grants(repository: string): Promise<{ account: string; role: Role }[]> {
    return this.database.all(
      "SELECT account, role FROM grants WHERE repository = ? ORDER BY account",
      repository,
    );
  }

  async #setRole(
    table: "members" | "grants",
    column: string,
    key: string,
    user: string,
    role: Role | "none",
  ) {
    if (role === "none") {
      await this.database.run(`DELETE FROM ${table} WHERE ${column} = ? AND account = ?`, key, user);
      return;
    }
    if (!isRole(role)) throw invalidArgument(`invalid role: ${role} (pull, push, admin, none)`);
    await this.database.run(
      `INSERT INTO ${table} (${column}, account, role) VALUES (?, ?, ?)
       ON CONFLICT (${column}, account) DO UPDATE SET role = excluded.role`,
      key,
      user,
      role,
    );
  }

  /** What somebody may do in a repository, whether that exists or not. */
  async roleIn(account: string | undefined, repository: string): Promise<Role | undefined> {
    const row = await this.database.get<{ private: number }>(
      "SELECT private FROM repositories WHERE name = ? AND pushed_at IS NOT NULL",
      repository,
    );
    const own = account === undefined ? undefined : await this.#ownRole(account, repository);
    if (own !== undefined) return own;
    return row && !row.private ? "pull" : undefined;
  }

  async #ownRole(account: string, repository: string): Promise<Role | undefined> {
    const user = await this.get(account);
    if (user?.kind !== "user") return undefined;
    const slash = repository.indexOf("/");
    const namespace = repository.slice(0, Math.max(slash, 0));
    if (user.administrator || namespace === account) return "admin";
    const rows = await this.database.all<{ role: Role }>(
      `SELECT role FROM members WHERE organisation = ? AND account = ?
       UNION ALL SELECT role FROM grants WHERE repository = ? AND account = ?`,
      namespace,
      account,
      repository,
      account,
    );
    return rows
      .map(({ role }) => role)
      .reduce<Role | undefined>((best, role) => (roleAllows(best, role) ? best : role), undefined);
  }

  /** The repositories that somebody may pull from. */
  async visibleTo(account: string | undefined): Promise<Visibility> {
    if (account === undefined) return { sql: "private = 0", values: [] };
    if ((await this.get(account))?.administrator) return { sql: "1 = 1", values: [] };
    return {
      sql: `(private = 0 OR (name > ? AND name < ?)
        OR name IN (SELECT repository FROM grants WHERE account = ?)
        OR EXISTS (SELECT 1 FROM members m WHERE m.account = ? AND repositories.name > m.organisation || '/'
          AND repositories.name < m.organisation || '0'))`,
      values: [`${account}/`, `${account}0`, account, account],
    };
  }

  /** Makes a token; this is the only time that its text is known. `days` is how long it is good; no limit where not given. */
  async createToken(
    account: string,
    kind: TokenKind,
    { label = "", role = "admin", millis }: { label?: string; role?: Role; millis?: number | undefined } = {},
  ): Promise<string> {
    const now = this.clock.now();
    const token = `${kind === "access" ? tokenPrefix : ""}${randomBytes(32).toString("base64url")}`;
    await this.database.run(
      "INSERT INTO tokens (hash, id, kind, account, label, role, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      sha256Of(token),
      randomBytes(9).toString("base64url"),
      kind,
      account,
      label,
      role,
      now,
      millis === undefined ? null : now + millis,
    );
    return token;
  }

  /** The row of a token that is good now. */
  async findToken(token: string, kind: TokenKind): Promise<TokenRow | undefined> {
    const now = this.clock.now();
    const hash = sha256Of(token);
    const row = await this.database.get<TokenRow>(
      `SELECT id, kind, account, label, role, created_at, expires_at, used_at FROM tokens
       WHERE hash = ? AND kind = ? AND (expires_at IS NULL OR expires_at > ?)`,
      hash,
      kind,
      now,
    );
    if (row && (row.used_at ?? 0) < now - usedMillis) {
      await this.database.run("UPDATE tokens SET used_at = ? WHERE hash = ?", now, hash);
    }
    return row;
  }

  tokens(account: string): Promise<TokenRow[]> {
    return this.database.all(
      `SELECT id, kind, account, label, role, created_at, expires_at, used_at FROM tokens
       WHERE account = ? AND kind = 'access' ORDER BY created_at DESC`,
      account,
    );
  }

  /** Throws `notFound`. */
  async removeToken(account: string, id: string): Promise<void> {
    const gone = await this.database.run("DELETE FROM tokens WHERE account = ? AND id = ?", account, id);
    if (gone === 0) throw notFound(`there is no token ${id}`);
  }

  async endSession(token: string): Promise<void> {
    await this.database.run("DELETE FROM tokens WHERE hash = ? AND kind = 'session'", sha256Of(token));
  }

  /** The role that user and password, or a token in its place, stand for; undefined when they are wrong. */
  async logIn(name: string, password: string): Promise<Role | undefined> {
    if (!isToken(password)) return (await this.verifyPassword(name, password)) ? "admin" : undefined;
    const token = await this.findToken(password, "access");
    return token?.account === name ? lesserRole(token.role, "admin") : undefined;
  }
}

/** True for the text of an access token, whether it is one that is good or not. */
export function isToken(password: string): boolean {
  return password.startsWith(tokenPrefix);
}

function checkName(name: string): void {
  if (!namePattern.test(name)) {
    throw invalidArgument("a name has 1 to 39 lower-case letters, digits, and dashes between them");
  }
  if (reserved.has(name)) throw invalidArgument(`the name ${name} is reserved`);
}

function checkPassword(password: string): void {
  if (password.length < minPasswordLength) {
    throw invalidArgument(`a password has at least ${minPasswordLength} characters`);
  }
}
