import type { Visibility } from "../repositories.ts";

/** What can be done with a repository (Docker's token protocol knows these words). */
export type Action = "pull" | "push" | "delete";

/** What somebody may do, each including those before it. */
export const roles = ["pull", "push", "admin"] as const;
export type Role = (typeof roles)[number];

/** The least role that an action needs. */
const needed: Record<Action, Role> = { pull: "pull", push: "push", delete: "admin" };

/** True when `role` is at least `least`. */
export function roleAllows(role: Role | undefined, least: Role): boolean {
  return role !== undefined && roles.indexOf(role) >= roles.indexOf(least);
}

export function roleAllowsAction(role: Role | undefined, action: Action): boolean {
  return roleAllows(role, needed[action]);
}

/** The lesser of two roles. */
export function lesserRole(one: Role, other: Role): Role {
  return roleAllows(one, other) ? other : one;
}

export function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text);
}

/** Who asks. */
export interface Identity {
  /** The account's name; undefined for anybody. */
  account: string | undefined;
  may(repository: string, action: Action): Promise<boolean>;
  /** The repositories that it may pull from. */
  visible(): Promise<Visibility>;
}

/** Decides who a request comes from. */
export interface Authenticator {
  /** Throws UNAUTHORIZED for credentials that are wrong, TOOMANYREQUESTS after too many of those. */
  identify(request: RequestInfo): Promise<Identity>;
  /** The `WWW-Authenticate` that tells a client how to get the rights `scopes`. */
  challenge(request: RequestInfo, scopes: readonly Scope[], failed: boolean): string | undefined;
}

export interface Scope {
  repository: string;
  action: Action;
}

/** What is known of a request before it is read. */
export interface RequestInfo {
  authorization: string | undefined;
  /** The client's address. */
  remote: string;
  /** `https://registry.example.com`, as the client sees this registry. */
  origin: string;
}

/** User and password of an `Authorization: Basic` header (RFC 7617). */
export function basicCredentials(
  authorization: string | undefined,
): { user: string; password: string } | undefined {
  const match = /^basic\s+([A-Za-z0-9+/=_-]+)\s*$/i.exec(authorization ?? "");
  if (!match) return undefined;
  const text = Buffer.from(match[1] ?? "", "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer\s+(\S+)\s*$/i.exec(authorization ?? "")?.[1];
}
