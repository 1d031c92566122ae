import { BlockList } from "node:net";
import type { Logger } from "../base/log.ts";
import { Accounts } from "./auth/accounts.ts";
import { HtpasswdAuthenticator } from "./auth/htpasswd.ts";
import type { Authenticator } from "./auth/identity.ts";
import { Signer } from "./auth/jwt.ts";
import { openToAll } from "./auth/open.ts";
import { Throttle } from "./auth/throttle.ts";
import { TokenAuthenticator } from "./auth/tokens.ts";
import { Metrics } from "./metrics.ts";
import { type Endpoint, Notifier } from "./notifications.ts";
import { Mirrors } from "./proxy/mirrors.ts";
import type { UpstreamOptions } from "./proxy/upstream.ts";
import type { RegistryStore } from "./store.ts";

/** Who may do what. */
export type AuthOptions =
  | { kind: "none" }
  | { kind: "htpasswd"; realm: string; path: string }
  /** `signUp`: everybody may make an account. `private`: what new repositories are. */
  | { kind: "accounts"; signUp: boolean; private: boolean };

export interface RegistryOptions {
  auth: AuthOptions;
  upstreams: readonly UpstreamOptions[];
  endpoints: readonly Endpoint[];
  /** `https://registry.example.com` where clients see another address than the server does. */
  externalUrl: string | undefined;
  /** Whether clients may delete. */
  deletes: boolean;
  /** Sent with every answer. */
  headers: Readonly<Record<string, string>>;
  /** Whose word counts for where a request came from. */
  trustedProxies: BlockList;
}

export const defaultRegistryOptions: RegistryOptions = {
  auth: { kind: "none" },
  upstreams: [],
  endpoints: [],
  externalUrl: undefined,
  deletes: true,
  headers: {},
  trustedProxies: new BlockList(),
};

/** The parts of a registry that its requests meet. */
export interface Registry {
  options: RegistryOptions;
  store: RegistryStore;
  log: Logger;
  authenticator: Authenticator;
  /** Where there are accounts. */
  tokens: TokenAuthenticator | undefined;
  mirrors: Mirrors;
  notifier: Notifier;
  metrics: Metrics;
}

/** Puts the parts together. Throws `invalidArgument` for an htpasswd file that cannot be used. */
export async function openRegistry(
  store: RegistryStore,
  options: RegistryOptions,
  log: Logger,
): Promise<Registry> {
  const { auth } = options;
  const { database, clock } = store;
  const throttle = new Throttle(database, clock);
  const tokens =
    auth.kind === "accounts"
      ? new TokenAuthenticator(new Accounts(database, clock), await Signer.open(database), throttle)
      : undefined;
  if (auth.kind === "accounts") await setDefaultPrivacy(store, auth.private);
  const authenticator =
    auth.kind === "htpasswd"
      ? await HtpasswdAuthenticator.open(auth.path, auth.realm, throttle)
      : (tokens ?? openToAll);
  return {
    options,
    store,
    log,
    authenticator,
    tokens,
    mirrors: new Mirrors(options.upstreams, store, log),
    notifier: new Notifier(options.endpoints, database, clock, log),
    metrics: new Metrics(),
  };
}

async function setDefaultPrivacy({ database }: RegistryStore, isPrivate: boolean): Promise<void> {
  await database.run(
    "INSERT INTO settings (name, value) VALUES ('private', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    String(Number(isPrivate)),
  );
}
