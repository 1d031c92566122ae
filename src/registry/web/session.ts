import { createHmac, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { RegistryError } from "../errors.ts";
import type { Exchange } from "../http.ts";
import type { PageExchange, Visitor } from "./page.ts";

const sessionMillis = 30 * 24 * 3600_000;

/** A cookie that only this host gets, and no script. */
function cookieName({ info }: Exchange): string {
  return info.origin.startsWith("https:") ? "__Host-session" : "session";
}

function cookie(exchange: Exchange, value: string, seconds: number): string {
  const secure = exchange.info.origin.startsWith("https:") ? "; Secure" : "";
  return `${cookieName(exchange)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}

function sessionOf(exchange: Exchange): string | undefined {
  const prefix = `${cookieName(exchange)}=`;
  const found = (exchange.request.headers.cookie ?? "").split(/;\s*/).find((one) => one.startsWith(prefix));
  return found?.slice(prefix.length) || undefined;
}

/** Who is at the browser: its session, or with htpasswd what it sent. Throws UNAUTHORIZED. */
export async function visitorOf(exchange: Exchange): Promise<Visitor> {
  const { registry, info } = exchange;
  const nobody: Visitor = { account: undefined, csrf: "", administrator: false, limit: "admin" };
  if (!registry.tokens) {
    exchange.identity = await registry.authenticator.identify(info);
    const { account } = exchange.identity;
    if (registry.options.auth.kind === "htpasswd" && account === undefined) {
      const challenge = registry.authenticator.challenge(info, [], false) ?? "";
      throw new RegistryError("UNAUTHORIZED", { headers: { "WWW-Authenticate": challenge } });
    }
    return { ...nobody, account, administrator: true };
  }
  const { accounts } = registry.tokens;
  const session = sessionOf(exchange);
  const row = session === undefined ? undefined : await accounts.findToken(session, "session");
  const account = row && (await accounts.get(row.account));
  exchange.identity = registry.tokens.identityOf({ account: account?.name, limit: "admin" });
  if (!account || session === undefined) return nobody;
  const csrf = createHmac("sha256", session).update("csrf").digest("base64url");
  return { account: account.name, csrf, administrator: account.administrator, limit: "admin" };
}

/** Begins a session; returns its cookie. */
export async function beginSession(exchange: Exchange, account: string): Promise<string> {
  const accounts = exchange.registry.tokens?.accounts;
  const token = (await accounts?.createToken(account, "session", { millis: sessionMillis })) ?? "";
  return cookie(exchange, token, sessionMillis / 1000);
}

/** Ends the session; returns the cookie that takes it away. */
export async function endSession(exchange: Exchange): Promise<string> {
  const session = sessionOf(exchange);
  if (session !== undefined) await exchange.registry.tokens?.accounts.endSession(session);
  return cookie(exchange, "", 0);
}

/**
 * Throws DENIED for a form that another site made the browser send: it must come from our own pages, and with a session
 * it must have the session's own word. Without log-in, the host must be an address or this machine, since any site can
 * give its own name to an address in this network.
 */
export function requireOwnForm(exchange: PageExchange): void {
  const { request, info, visitor, form, registry } = exchange;
  const origin = request.headers.origin;
  const site = request.headers["sec-fetch-site"];
  const own = origin === undefined ? site === "same-origin" : origin === new URL(info.origin).origin;
  if (!own) throw new RegistryError("DENIED", { message: "this form came from another site" });
  if (visitor.csrf !== "") {
    const [given, wanted] = [Buffer.from(form.get("csrf") ?? ""), Buffer.from(visitor.csrf)];
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new RegistryError("DENIED", { message: "this form is too old: go back and try again" });
    }
  }
  const { hostname } = new URL(info.origin);
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 || hostname === "localhost";
  if (registry.options.auth.kind === "none" && !isAddress && registry.options.externalUrl === undefined) {
    throw new RegistryError("DENIED", {
      message: "without log-in, changes need the address of this machine",
    });
  }
}
