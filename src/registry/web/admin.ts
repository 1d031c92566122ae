import { isEngineError } from "../../base/errors.ts";
import type { Account, Accounts } from "../auth/accounts.ts";
import { RegistryError } from "../errors.ts";
import { notify } from "../http.ts";
import { type Html, html } from "./html.ts";
import { guard, type Page, type PageExchange } from "./page.ts";
import { ago, counted, pageLinks, pageNumber, size } from "./parts.ts";

const perPage = 50;

/** The accounts, for whoever may manage them. To others the pages are not there. Throws NAME_UNKNOWN. */
function accountsFor({ registry, visitor }: PageExchange): Accounts {
  if (!registry.tokens || !visitor.administrator)
    throw new RegistryError("NAME_UNKNOWN", { message: "there is no such page" });
  return registry.tokens.accounts;
}

/** `/admin`: what is kept, and the accounts. */
export async function adminPage(exchange: PageExchange): Promise<Page> {
  if (exchange.registry.tokens && exchange.visitor.account === undefined)
    return { redirect: "/login?next=/admin" };
  return adminOf(exchange);
}

async function adminOf(
  exchange: PageExchange,
  more: { error?: string; message?: string } = {},
): Promise<Page> {
  const accounts = accountsFor(exchange);
  const { visitor, query, path, store } = exchange;
  const text = (query.get("q") ?? "").trim().slice(0, 60);
  const offset = (pageNumber(query) - 1) * perPage;
  const found = await accounts.search(text, { limit: perPage + 1, offset });
  const now = store.clock.now();
  const body = html`<h1>Administration</h1>${await keptPart(exchange)}
<h2>Accounts</h2>
<form class="row search" method="get" action="/admin" role="search"><input type="search" name="q" value="${text}" placeholder="Find an account" aria-label="Find an account" size="20"><button type="submit">Find</button></form>
<div class="card table"><table class="stacks"><thead><tr><th>Name</th><th>E-mail</th><th>Made</th><th>Rights</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>
${found.slice(0, perPage).map((account) => accountRow(exchange, account, now))}</tbody></table></div>
${pageLinks(path, query, found.length > perPage)}
<h2>New account</h2><form class="card row" method="post" action="/admin/accounts">${guard(visitor)}<input type="hidden" name="do" value="add">
<span><label for="name">Name</label><input id="name" name="name" required autocapitalize="none" autocomplete="off"></span>
<span><label for="email">E-mail</label><input id="email" name="email" type="email" autocomplete="off"></span>
<span><label for="password">Password</label><input id="password" name="password" type="password" minlength="8" autocomplete="new-password" required></span>
<button class="first" type="submit">Create account</button></form>`;
  return { title: "Administration", body, ...more, ...(more.error !== undefined && { status: 400 }) };
}

async function keptPart({ store, visitor }: PageExchange): Promise<Html> {
  const count = async (sql: string) => (await store.database.get<{ n: number | null }>(sql))?.n ?? 0;
  const [repositories, tags, bytes] = await Promise.all([
    count("SELECT CAST(COUNT(*) AS INTEGER) AS n FROM repositories WHERE pushed_at IS NOT NULL"),
    count("SELECT CAST(COUNT(*) AS INTEGER) AS n FROM tags"),
    count("SELECT CAST(SUM(size) AS DOUBLE PRECISION) AS n FROM blobs"),
  ]);
  return html`<div class="card row between"><span>${counted(repositories, "image")}, ${counted(tags, "tag")}, ${size(bytes)}</span>
<form method="post" action="/admin/collect">${guard(visitor)}<button type="submit">Free unused space</button></form></div>`;
}

function accountRow({ visitor }: PageExchange, account: Account, now: number): Html {
  const { name, kind, email, administrator, created_at } = account;
  const isSelf = name === visitor.account;
  const act = (what: string, label: string, question?: string) =>
    html`<form class="inline" method="post" action="/admin/accounts" ${question !== undefined && html`data-confirm="${question}"`}>${guard(visitor)}<input type="hidden" name="do" value="${what}"><input type="hidden" name="name" value="${name}"><button class="plain ${what === "remove" && "danger"}" type="submit" aria-label="${label} ${name}">${label}</button></form>`;
  const rights = kind === "organisation" ? "organisation" : administrator ? "administrator" : "user";
  const keepsName = "Its images stay. Its name can be given again only here.";
  return html`<tr><td><a class="name" href="/u/${name}">${name}</a></td><td data-label="E-mail">${email || "–"}</td><td class="nowrap" data-label="Made">${ago(created_at, now)}</td><td data-label="Rights">${rights}</td>
<td>${!isSelf && html`${kind === "user" && act(administrator ? "demote" : "promote", administrator ? "Take rights from" : "Make administrator")} ${act("remove", "Remove", `Remove ${name}? ${keepsName}`)}`}
${kind === "user" && html`<details><summary>Set password</summary><form class="row" method="post" action="/admin/accounts">${guard(visitor)}<input type="hidden" name="do" value="password"><input type="hidden" name="name" value="${name}"><input name="password" type="password" minlength="8" required autocomplete="new-password" aria-label="New password of ${name}"><button type="submit">Set</button></form></details>`}</td></tr>`;
}

/** POST `/admin/accounts`: one change of one account, `do` says which. */
export async function changeAccount(exchange: PageExchange): Promise<Page> {
  const { form, visitor } = exchange;
  const accounts = accountsFor(exchange);
  const name = (form.get("name") ?? "").trim();
  const what = form.get("do") ?? "";
  // Nobody locks out the last one who could let them in again.
  if (name === visitor.account && what !== "password") throw new RegistryError("DENIED");
  try {
    const message = await change(accounts, name, what, form);
    return await adminOf(exchange, { message });
  } catch (error) {
    if (!["invalidArgument", "conflict", "notFound"].some((code) => isEngineError(error, code as "conflict")))
      throw error;
    return await adminOf(exchange, { error: error instanceof Error ? error.message : "" });
  }
}

async function change(
  accounts: Accounts,
  name: string,
  what: string,
  form: URLSearchParams,
): Promise<string> {
  const password = form.get("password") ?? "";
  switch (what) {
    case "add":
      await accounts.createUser(name, password, { email: (form.get("email") ?? "").slice(0, 200) });
      return `The account ${name} is made.`;
    case "password":
      await accounts.setPassword(name, password);
      return `${name} has a new password, and is logged out everywhere.`;
    case "promote":
    case "demote":
      await accounts.setAdministrator(name, what === "promote");
      return `${name} is ${what === "promote" ? "an" : "no"} administrator now.`;
    case "remove": {
      const account = await accounts.get(name);
      await accounts.remove(name, account?.kind ?? "user");
      return `The account ${name} is removed.`;
    }
    default:
      throw new RegistryError("UNSUPPORTED");
  }
}

/** POST `/admin/collect` */
export async function collectNow(exchange: PageExchange): Promise<Page> {
  accountsFor(exchange);
  const { tags, manifests, blobs, bytes } = await exchange.store.collect({
    gone: (target) => notify(exchange, "delete", target),
  });
  const freed = [counted(tags, "tag"), counted(manifests, "manifest"), counted(blobs, "blob")].join(", ");
  return adminOf(exchange, { message: `Freed ${size(bytes)}: ${freed}.` });
}
