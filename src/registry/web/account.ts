import { conflict, isEngineError } from "../../base/errors.ts";
import { isToken } from "../auth/accounts.ts";
import { isRole } from "../auth/identity.ts";
import type { TokenAuthenticator } from "../auth/tokens.ts";
import { RegistryError } from "../errors.ts";
import { type Html, html } from "./html.ts";
import { roleSelect } from "./namespace.ts";
import { command, guard, hostOf, type Page, type PageExchange } from "./page.ts";
import { ago } from "./parts.ts";
import { beginSession, endSession } from "./session.ts";

const dayMillis = 24 * 3600_000;
const lifetimes: readonly [string, number | undefined][] = [
  ["30 days", 30],
  ["90 days", 90],
  ["1 year", 365],
  ["no end", undefined],
];

function tokensOf({ registry }: PageExchange): TokenAuthenticator {
  if (!registry.tokens)
    throw new RegistryError("NAME_UNKNOWN", { message: "there are no accounts on this registry" });
  return registry.tokens;
}

/** Where to go after the log-in: a path of ours, never another site. */
function nextOf(exchange: PageExchange): string {
  const next = exchange.form.get("next") ?? exchange.query.get("next") ?? "/";
  return /^\/(?![/\\])[^\r\n]*$/.test(next) ? next : "/";
}

export async function logInPage(exchange: PageExchange): Promise<Page> {
  tokensOf(exchange);
  return logInForm(exchange);
}

function logInForm(exchange: PageExchange, error?: string): Page {
  const { registry, form } = exchange;
  const { auth } = registry.options;
  const body = html`<div class="card narrow"><h1>Log in</h1><form class="stack" method="post" action="/login">${guard(exchange.visitor)}
<input type="hidden" name="next" value="${nextOf(exchange)}">
<div><label for="name">Name</label><input id="name" name="name" value="${form.get("name") ?? ""}" autocomplete="username" autocapitalize="none" required autofocus></div>
<div><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required></div>
<button class="first" type="submit">Log in</button></form>
${auth.kind === "accounts" && auth.signUp && html`<p class="dim">New here? <a href="/signup">Create an account</a>.</p>`}</div>`;
  return { title: "Log in", body, ...(error !== undefined && { error, status: 401 }) };
}

/** POST `/login` */
export async function logIn(exchange: PageExchange): Promise<Page> {
  const { form, info } = exchange;
  const name = (form.get("name") ?? "").trim();
  const password = form.get("password") ?? "";
  try {
    // A token is for programs: it must not become a session that may do more.
    if (isToken(password))
      throw new RegistryError("UNAUTHORIZED", { message: "log in with your password, not with a token" });
    await tokensOf(exchange).logIn(name, password, info.remote);
  } catch (error) {
    if (!(error instanceof RegistryError) || !["UNAUTHORIZED", "TOOMANYREQUESTS"].includes(error.kind))
      throw error;
    return logInForm(exchange, error.message);
  }
  return { redirect: nextOf(exchange), cookie: await beginSession(exchange, name) };
}

/** POST `/logout` */
export async function logOut(exchange: PageExchange): Promise<Page> {
  return { redirect: "/", cookie: await endSession(exchange) };
}

function requireSignUp(exchange: PageExchange): void {
  const { auth } = exchange.registry.options;
  if (auth.kind !== "accounts" || !auth.signUp) {
    throw new RegistryError("DENIED", { message: "accounts are made by the administrator of this registry" });
  }
}

export async function signUpPage(exchange: PageExchange): Promise<Page> {
  requireSignUp(exchange);
  return signUpForm(exchange);
}

function signUpForm({ form, visitor }: PageExchange, error?: string): Page {
  const body = html`<div class="card narrow"><h1>Create an account</h1><form class="stack" method="post" action="/signup">${guard(visitor)}
<div><label for="name">Name</label><input id="name" name="name" value="${form.get("name") ?? ""}" pattern="[a-z0-9]([a-z0-9\\-]{0,37}[a-z0-9])?" autocomplete="username" autocapitalize="none" required autofocus aria-describedby="name-hint"><p class="hint" id="name-hint">Lower-case letters, digits and dashes. Your images will be called <em>name</em>/…</p></div>
<div><label for="email">E-mail <span class="dim">(may stay empty)</span></label><input id="email" name="email" type="email" value="${form.get("email") ?? ""}" autocomplete="email"></div>
<div><label for="password">Password</label><input id="password" name="password" type="password" minlength="8" autocomplete="new-password" required aria-describedby="password-hint"><p class="hint" id="password-hint">At least 8 characters.</p></div>
<button class="first" type="submit">Create account</button></form><p class="dim">You have one? <a href="/login">Log in</a>.</p></div>`;
  return { title: "Create an account", body, ...(error !== undefined && { error, status: 400 }) };
}

/** POST `/signup` */
export async function signUp(exchange: PageExchange): Promise<Page> {
  requireSignUp(exchange);
  const { form } = exchange;
  const name = (form.get("name") ?? "").trim();
  try {
    await refuseTaken(exchange, name);
    const [password, email] = [form.get("password") ?? "", (form.get("email") ?? "").slice(0, 200)];
    await tokensOf(exchange).signUp(exchange.info.remote, name, password, email);
  } catch (error) {
    if (!isEngineError(error, "invalidArgument") && !isEngineError(error, "conflict")) throw error;
    return signUpForm(exchange, error.message);
  }
  return { redirect: `/u/${name}`, cookie: await beginSession(exchange, name) };
}

/** Throws `conflict` for a name that would give its owner what others pushed or what an upstream has. */
async function refuseTaken(exchange: PageExchange, name: string): Promise<void> {
  const isMirror = exchange.registry.options.upstreams.some(({ prefix }) => prefix.split("/")[0] === name);
  if (isMirror || (await tokensOf(exchange).accounts.hasRepositories(name)))
    throw conflict(`the name ${name} is taken`);
}

/** The account that is logged in. Throws UNAUTHORIZED. */
function own({ visitor }: PageExchange): string {
  if (visitor.account === undefined) throw new RegistryError("UNAUTHORIZED");
  return visitor.account;
}

/** `/settings`: tokens, organisations, password. */
export async function accountPage(exchange: PageExchange): Promise<Page> {
  if (exchange.visitor.account === undefined) return { redirect: "/login?next=/settings" };
  return accountSettings(exchange);
}

async function accountSettings(
  exchange: PageExchange,
  more: { error?: string; message?: string; created?: string } = {},
): Promise<Page> {
  const { visitor, store } = exchange;
  const account = own(exchange);
  const { accounts } = tokensOf(exchange);
  const [tokens, organisations] = await Promise.all([
    accounts.tokens(account),
    accounts.organisationsOf(account),
  ]);
  const now = store.clock.now();
  const body = html`<h1>Account ${account}</h1>
${more.created !== undefined && createdPart(exchange, account, more.created)}
<h2>Access tokens</h2><div class="card"><p class="dim">For programs and CI: they log in with your name and a token instead of your password.</p>
${
  tokens.length > 0 &&
  html`<table class="stacks"><thead><tr><th>Label</th><th>May</th><th>Used</th><th>Ends</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>${tokens.map(
    (
      token,
    ) => html`<tr><td class="name">${token.label}</td><td data-label="May">${token.role}</td><td data-label="Used">${ago(token.used_at, now)}</td>
<td data-label="Ends">${token.expires_at === null ? "never" : token.expires_at <= now ? "ended" : new Date(token.expires_at).toISOString().slice(0, 10)}</td>
<td><form method="post" action="/settings/tokens/delete" data-confirm="Delete the token ${token.label}?">${guard(visitor)}<input type="hidden" name="id" value="${token.id}"><button class="plain danger" type="submit" aria-label="Delete the token ${token.label}">Delete</button></form></td></tr>`,
  )}</tbody></table>`
}
<form class="row" method="post" action="/settings/tokens">${guard(visitor)}
<span><label for="label">Label</label><input id="label" name="label" maxlength="60" required placeholder="build server"></span>
<span><label for="role">May</label>${roleSelect("role")}</span>
<span><label for="days">Good for</label><select id="days" name="days">${lifetimes.map(([label, days]) => html`<option value="${days ?? ""}">${label}</option>`)}</select></span>
<button class="first" type="submit">Create token</button></form></div>
<h2>Organisations</h2><div class="card">${organisations.length > 0 && html`<ul>${organisations.map(({ organisation, role }) => html`<li><a href="/u/${organisation}">${organisation}</a> <span class="dim">${role}</span></li>`)}</ul>`}
<form class="row" method="post" action="/settings/organisations">${guard(visitor)}<span><label for="organisation">New organisation</label><input id="organisation" name="organisation" required placeholder="team"></span><button type="submit">Create organisation</button></form></div>
<h2>Password</h2><form class="card stack" method="post" action="/settings/password">${guard(visitor)}
<input class="visually-hidden" name="username" value="${account}" autocomplete="username" tabindex="-1" aria-hidden="true" readonly>
<div><label for="old">Password now</label><input id="old" name="old" type="password" autocomplete="current-password" required></div>
<div><label for="new">New password</label><input id="new" name="new" type="password" autocomplete="new-password" minlength="8" required></div>
<button type="submit">Change password</button><p class="hint">All other sessions end.</p></form>`;
  const { error, message } = more;
  return {
    title: "Account",
    body,
    ...(error !== undefined && { error, status: 400 }),
    ...(message !== undefined && { message }),
  };
}

function createdPart(exchange: PageExchange, account: string, token: string): Html {
  return html`<div class="message" role="status"><p><strong>Your new token.</strong> It is shown this once only.</p>${command(token)}
<p>Log in with it:</p>${command(`docker login -u ${account} ${hostOf(exchange)}`)}</div>`;
}

/** POST `/settings/tokens` */
export async function createToken(exchange: PageExchange): Promise<Page> {
  const { form } = exchange;
  const role = form.get("role") ?? "";
  const days = form.get("days") ?? "";
  const label = (form.get("label") ?? "").trim().slice(0, 60);
  if (!isRole(role) || label === "" || !/^\d{0,4}$/.test(days))
    return accountSettings(exchange, { error: "a token needs a label and what it may do" });
  const options = { label, role, millis: days === "" ? undefined : Number(days) * dayMillis };
  const created = await tokensOf(exchange).accounts.createToken(own(exchange), "access", options);
  return accountSettings(exchange, { created });
}

/** POST `/settings/tokens/delete` */
export async function deleteToken(exchange: PageExchange): Promise<Page> {
  await tokensOf(exchange).accounts.removeToken(own(exchange), exchange.form.get("id") ?? "");
  return { redirect: "/settings" };
}

/** POST `/settings/organisations` */
export async function createOrganisation(exchange: PageExchange): Promise<Page> {
  const name = (exchange.form.get("organisation") ?? "").trim();
  try {
    await refuseTaken(exchange, name);
    await tokensOf(exchange).accounts.createOrganisation(name, own(exchange));
  } catch (error) {
    if (!isEngineError(error, "invalidArgument") && !isEngineError(error, "conflict")) throw error;
    return accountSettings(exchange, { error: error.message });
  }
  return { redirect: `/u/${name}` };
}

/** POST `/settings/password` */
export async function changePassword(exchange: PageExchange): Promise<Page> {
  const { form, info } = exchange;
  const account = own(exchange);
  const tokens = tokensOf(exchange);
  try {
    await tokens.logIn(account, form.get("old") ?? "", info.remote);
    await tokens.accounts.setPassword(account, form.get("new") ?? "");
  } catch (error) {
    if (isEngineError(error, "unauthorized"))
      return accountSettings(exchange, { error: "the password now is not right" });
    if (!isEngineError(error, "invalidArgument")) throw error;
    return accountSettings(exchange, { error: error.message });
  }
  return { redirect: "/settings", cookie: await beginSession(exchange, account) };
}
