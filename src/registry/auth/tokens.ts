import { randomUUID } from "node:crypto";
import { invalidArgument } from "../../base/errors.ts";
import { isRepositoryPath } from "../../oci/reference.ts";
import { RegistryError } from "../errors.ts";
import { type Accounts, isToken } from "./accounts.ts";
import {
  type Action,
  type Authenticator,
  basicCredentials,
  bearerToken,
  type Identity,
  type RequestInfo,
  type Role,
  roleAllowsAction,
  type Scope,
} from "./identity.ts";
import type { AccessClaim, Signer } from "./jwt.ts";
import type { Throttle } from "./throttle.ts";

/** Who tokens are for and from. */
const service = "longshore-registry";
const lifetimeSeconds = 300;
const refreshMillis = 90 * 24 * 3600_000;
const actions: readonly Action[] = ["pull", "push", "delete"];

/** Somebody who has logged in, with the role that the password or token that was used allows at most. */
export interface Login {
  account: string | undefined;
  limit: Role;
}

/** What a client gets for its credentials (Docker's token specification). */
export interface TokenAnswer {
  token: string;
  access_token: string;
  /** Seconds. */
  expires_in: number;
  issued_at: string;
  scope?: string;
  refresh_token?: string;
}

/** Users, organisations and tokens: the registry is its own token server. */
export class TokenAuthenticator implements Authenticator {
  readonly accounts: Accounts;
  readonly #signer: Signer;
  readonly #throttle: Throttle;

  constructor(accounts: Accounts, signer: Signer, throttle: Throttle) {
    this.accounts = accounts;
    this.#signer = signer;
    this.#throttle = throttle;
  }

  async identify({ authorization, remote }: RequestInfo): Promise<Identity> {
    const bearer = bearerToken(authorization);
    if (bearer !== undefined) return this.#fromToken(bearer);
    const basic = basicCredentials(authorization);
    if (basic) return this.identityOf(await this.logIn(basic.user, basic.password, remote));
    if (authorization !== undefined) throw new RegistryError("UNAUTHORIZED");
    return this.identityOf({ account: undefined, limit: "admin" });
  }

  #fromToken(token: string): Identity {
    const claims = this.#signer.verify(token, service, this.accounts.clock.now() / 1000);
    if (!claims) throw new RegistryError("UNAUTHORIZED");
    const account = claims.sub === "" ? undefined : claims.sub;
    return {
      account,
      may: async (repository, action) =>
        claims.access.some(({ type, name, actions: allowed }) => {
          return type === "repository" && name === repository && allowed.includes(action);
        }),
      visible: () => this.accounts.visibleTo(account),
    };
  }

  /** What an account may do now. */
  identityOf({ account, limit }: Login): Identity {
    return {
      account,
      may: async (repository, action) =>
        roleAllowsAction(limit, action) &&
        roleAllowsAction(await this.accounts.roleIn(account, repository), action),
      visible: () => this.accounts.visibleTo(account),
    };
  }

  /** Throws UNAUTHORIZED, TOOMANYREQUESTS. */
  async logIn(user: string, password: string, remote: string): Promise<Login> {
    const logIn = () => this.accounts.logIn(user, password);
    // Nobody guesses a token, and who guesses passwords must not keep programs out.
    const limit = isToken(password) ? await logIn() : await this.#throttle.attempt(user, remote, logIn);
    if (limit === undefined)
      throw new RegistryError("UNAUTHORIZED", { message: "incorrect username or password" });
    return { account: user, limit };
  }

  /** Makes an account that somebody at `remote` asked for. Throws what `Accounts.createUser` throws, TOOMANYREQUESTS. */
  signUp(remote: string, name: string, password: string, email: string): Promise<void> {
    return this.#throttle.signUp(remote, () => this.accounts.createUser(name, password, { email }));
  }

  /** Throws UNAUTHORIZED, TOOMANYREQUESTS. */
  logInBasic({ authorization, remote }: RequestInfo): Promise<Login> {
    const basic = basicCredentials(authorization);
    if (!basic) throw new RegistryError("UNAUTHORIZED");
    return this.logIn(basic.user, basic.password, remote);
  }

  /** Throws UNAUTHORIZED. */
  async refresh(token: string): Promise<Login> {
    const row = await this.accounts.findToken(token, "refresh");
    if (!row) throw new RegistryError("UNAUTHORIZED", { message: "the refresh token is not valid any more" });
    return { account: row.account, limit: row.role };
  }

  /** A token with those of the wanted rights that `login` has. With `offline` also one to get more with later. */
  async issue(
    login: Login,
    scopes: readonly string[],
    { offline = false, label = "" } = {},
  ): Promise<TokenAnswer> {
    const now = Math.floor(this.accounts.clock.now() / 1000);
    const identity = this.identityOf(login);
    const access: AccessClaim[] = [];
    for (const scope of scopes) access.push(...(await this.#granted(identity, scope)));
    const token = this.#signer.sign({
      iss: service,
      sub: login.account ?? "",
      aud: service,
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      jti: randomUUID(),
      access,
    });
    const options = { label, role: login.limit, millis: refreshMillis };
    const refresh =
      offline && login.account
        ? await this.accounts.createToken(login.account, "refresh", options)
        : undefined;
    return {
      token,
      access_token: token,
      expires_in: lifetimeSeconds,
      issued_at: new Date(now * 1000).toISOString(),
      ...(scopes.length > 0 && { scope: scopes.join(" ") }),
      ...(refresh !== undefined && { refresh_token: refresh }),
    };
  }

  async #granted(identity: Identity, scope: string): Promise<AccessClaim[]> {
    const match = /^([a-z0-9]+(?:\([a-z0-9]+\))?):(.+):([a-z*,]*)$/.exec(scope);
    if (!match) throw invalidArgument(`invalid scope: ${scope}`);
    const [, type = "", name = "", list = ""] = match;
    if (type !== "repository" || !isRepositoryPath(name)) return [];
    const wanted = list.split(",");
    const allowed: string[] = [];
    for (const action of actions) {
      if (!wanted.includes(action) && !wanted.includes("*")) continue;
      if (await identity.may(name, action)) allowed.push(action);
    }
    return allowed.length === 0 ? [] : [{ type, name, actions: allowed }];
  }

  challenge({ origin }: RequestInfo, scopes: readonly Scope[], failed: boolean): string {
    const names = scopes.map(({ repository, action }) => `repository:${repository}:${scopeActions[action]}`);
    const wanted = names.length > 0 ? `,scope="${names.join(" ")}"` : "";
    const error = failed ? `,error="${names.length > 0 ? "insufficient_scope" : "invalid_token"}"` : "";
    return `Bearer realm="${origin}/token",service="${service}"${wanted}${error}`;
  }
}

/** What a client should ask for: whoever pushes also asks what is there already. */
const scopeActions: Record<Action, string> = { pull: "pull", push: "pull,push", delete: "delete" };
