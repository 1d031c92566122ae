import { isEngineError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { Role } from "../auth/identity.ts";
import { RegistryError } from "../errors.ts";
import { notify } from "../http.ts";
import { nameUnknown, type Repository } from "../repositories.ts";
import { parseRetention } from "../retention.ts";
import type { TagRow } from "../tags.ts";
import { type Html, html } from "./html.ts";
import { markdown } from "./markdown.ts";
import { roleFrom, roleSelect } from "./namespace.ts";
import { command, guard, hostOf, type Page, type PageExchange } from "./page.ts";
import { ago, badges, counted, pageLinks, pageNumber, pageSize, size } from "./parts.ts";

interface NameParams {
  name: string;
}

const maxReadme = 200_000;

/** The repository with what the visitor may do there. What may not be seen is not there. Throws NAME_UNKNOWN. */
export async function repositoryFor(
  exchange: PageExchange,
  name: string,
): Promise<{ repository: Repository; role: Role }> {
  const { store, identity } = exchange;
  const repository = await store.repositories.get(name);
  const mirrored = exchange.registry.mirrors.of(name)?.isOpenTo(exchange.visitor.account);
  if (!repository || repository.pushed_at === null) throw nameUnknown(name);
  if (await identity.may(name, "delete")) return { repository, role: "admin" };
  if (await identity.may(name, "push")) return { repository, role: "push" };
  if (mirrored || (await identity.may(name, "pull"))) return { repository, role: "pull" };
  throw nameUnknown(name);
}

async function requireAdmin(exchange: PageExchange, name: string): Promise<Repository> {
  const { repository, role } = await repositoryFor(exchange, name);
  if (role !== "admin") throw new RegistryError("DENIED");
  return repository;
}

/** What stands above every page of a repository. */
export async function repositoryHead(
  exchange: PageExchange,
  repository: Repository,
  role: Role,
  current: "tags" | "settings" | "tag",
): Promise<Html> {
  const { visitor, registry, store } = exchange;
  const { name } = repository;
  const starred = await store.repositories.isStarred(name, visitor.account);
  const slash = name.indexOf("/");
  const owner =
    slash > 0 ? html`<a href="/u/${name.slice(0, slash)}">${name.slice(0, slash)}</a>/` : undefined;
  return html`<div class="row between"><h1>${owner}<a href="/r/${name}">${name.slice(slash + 1)}</a> ${badges(repository)}</h1>
${registry.tokens && visitor.account !== undefined && html`<form method="post" action="/r/${name}/-/star">${guard(visitor)}<button type="submit">${starred ? "★ Starred" : "☆ Star"} · ${repository.stars}</button></form>`}</div>
${repository.description && html`<p>${repository.description}</p>`}
<p class="dim small">${counted(repository.pulls, "pull")} · ${counted(repository.stars, "star")} · pushed ${ago(repository.pushed_at, store.clock.now())}</p>
${role === "admin" && html`<nav class="tabs" aria-label="Repository"><a href="/r/${name}" ${current === "tags" && html`aria-current="page"`}>Overview and tags</a><a href="/r/${name}/-/settings" ${current === "settings" && html`aria-current="page"`}>Settings</a></nav>`}`;
}

/** `/r/NAME` */
export async function repositoryPage(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { store, query, path } = exchange;
  const { repository, role } = await repositoryFor(exchange, name);
  const text = (query.get("tag") ?? "").trim().slice(0, 128);
  const offset = (pageNumber(query) - 1) * pageSize;
  const [rows, total, bytes] = await Promise.all([
    store.tags.page(name, text, { limit: pageSize + 1, offset }),
    store.tags.count(name),
    store.repositories.size(name),
  ]);
  const shown = rows.slice(0, pageSize);
  const best = shown.find((row) => row.name === "latest") ?? shown[0];
  const pull = `docker pull ${hostOf(exchange)}/${name}${best && best.name !== "latest" ? `:${best.name}` : ""}`;
  const body = html`${await repositoryHead(exchange, repository, role, "tags")}
${command(pull)}
<h2 id="tags">Tags <span class="dim small">${counted(total, "tag")}, ${size(bytes)} in all</span></h2>
<form class="row search" method="get" action="${path}" role="search"><input type="search" name="tag" value="${text}" placeholder="Find a tag" aria-label="Find a tag" size="20"><button type="submit">Find</button></form>
<div class="card table">${tagTable(exchange, repository, role, shown)}</div>
${pageLinks(path, query, rows.length > pageSize)}
<h2>About</h2>
<div class="card readme">${repository.readme ? markdown(repository.readme) : html`<p class="dim">There is no README yet.${role === "admin" && html` <a href="/r/${name}/-/settings">Write one</a>.`}</p>`}</div>`;
  return { title: name, body };
}

function tagTable(exchange: PageExchange, { name }: Repository, role: Role, rows: readonly TagRow[]): Html {
  if (rows.length === 0) return html`<p class="dim">No tags to show.</p>`;
  const { store, visitor } = exchange;
  const mayDelete = role === "admin";
  const now = store.clock.now();
  return html`<table class="stacks"><thead><tr><th>Tag</th><th>Platforms</th><th class="num">Size</th><th>Pushed</th><th>Digest</th><th><span class="visually-hidden">Actions</span></th></tr></thead><tbody>
${rows.map((row) => {
  const pull = `docker pull ${hostOf(exchange)}/${name}:${row.name}`;
  return html`<tr><td><a class="name" href="/r/${name}/-/tags/${row.name}">${row.name}</a></td>
<td data-label="Platforms">${platformText(row)}</td>
<td class="num" data-label="Size">${size(row.content_size)}</td>
<td class="nowrap" data-label="Pushed">${ago(row.updated_at, now)}</td>
<td data-label="Digest"><code class="digest" title="${row.digest}">${shortId(row.digest)}</code></td>
<td class="nowrap"><button class="plain" type="button" data-copy="${pull}" aria-label="Copy ${pull}">Copy pull</button>
${mayDelete && html`<form class="inline" method="post" action="/r/${name}/-/delete-tag" data-confirm="Delete the tag ${row.name}?">${guard(visitor)}<input type="hidden" name="tag" value="${row.name}"><button class="plain danger" type="submit" aria-label="Delete the tag ${row.name}">Delete</button></form>`}</td></tr>`;
})}</tbody></table>`;
}

function platformText({ platforms, artifact_type }: TagRow): string {
  return platforms.map(({ platform }) => platform).join(", ") || artifact_type || "–";
}

/** POST `/r/NAME/-/delete-tag` */
export async function deleteTag(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { store, form } = exchange;
  await requireAdmin(exchange, name);
  const tag = form.get("tag") ?? "";
  if (tag.includes(":")) throw new RegistryError("UNSUPPORTED", { message: `invalid tag: ${tag}` });
  const digest = await store.manifests.remove(name, tag);
  await notify(exchange, "delete", { digest, repository: name, tag });
  return { redirect: `/r/${name}` };
}

/** POST `/r/NAME/-/delete`: the name has to be typed, since nothing brings a repository back. */
export async function deleteRepository(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { store, form } = exchange;
  const repository = await requireAdmin(exchange, name);
  if ((form.get("name") ?? "").trim() !== name)
    return settingsOf(exchange, repository, { error: `to delete it, type its name: ${name}` });
  try {
    await store.manifests.removeRepository(name);
  } catch (error) {
    if (!(error instanceof RegistryError && error.kind === "IMMUTABLE")) throw error;
    return settingsOf(exchange, repository, { error: error.message });
  }
  await notify(exchange, "delete", { repository: name });
  const slash = name.indexOf("/");
  return { redirect: slash > 0 ? `/u/${name.slice(0, slash)}` : "/" };
}

/** POST `/r/NAME/-/star`: sets the star, or takes it away. */
export async function star(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { store, visitor } = exchange;
  await repositoryFor(exchange, name);
  const { account } = visitor;
  if (account === undefined) throw new RegistryError("UNAUTHORIZED");
  await store.database.transaction(async (queries) => {
    const gone = await queries.run("DELETE FROM stars WHERE repository = ? AND account = ?", name, account);
    if (gone === 0) await queries.run("INSERT INTO stars (repository, account) VALUES (?, ?)", name, account);
    await queries.run(
      "UPDATE repositories SET stars = (SELECT COUNT(*) FROM stars WHERE repository = ?) WHERE name = ?",
      name,
      name,
    );
  });
  return { redirect: `/r/${name}` };
}

/** `/r/NAME/-/settings` */
export async function settingsPage(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  return settingsOf(exchange, await requireAdmin(exchange, name));
}

async function settingsOf(
  exchange: PageExchange,
  repository: Repository,
  more: { error?: string; message?: string } = {},
): Promise<Page> {
  const { visitor, registry } = exchange;
  const { name } = repository;
  const grants = (await registry.tokens?.accounts.grants(name)) ?? [];
  const body = html`${await repositoryHead(exchange, repository, "admin", "settings")}
<form class="card stack" method="post" action="/r/${name}/-/settings">${guard(visitor)}
${
  registry.tokens &&
  html`<fieldset><legend><strong>Who can see it</strong></legend>
<label class="choice"><input type="radio" name="private" value="0" ${!repository.private && html`checked`}><span><strong>Public</strong>: everybody can pull it</span></label>
<label class="choice"><input type="radio" name="private" value="1" ${repository.private && html`checked`}><span><strong>Private</strong>: only its owners and those below can pull it</span></label></fieldset>`
}
<div><label for="description">Description</label><input id="description" name="description" maxlength="200" value="${repository.description}"></div>
<div><label for="readme">README (Markdown)</label><textarea id="readme" name="readme" rows="10">${repository.readme}</textarea></div>
<div><label for="immutable">Immutable tags</label><input id="immutable" name="immutable" value="${repository.immutable}" placeholder="v* release-*"><p class="hint">Tags that fit are never moved or deleted. * stands for anything; alone it means all tags.</p></div>
<div><label for="retention">Clean up</label><input id="retention" name="retention" value="${repository.retention}" placeholder="keep=10 days=30 tags=ci-* untagged=7"><p class="hint">keep: the newest so many tags stay. days: younger tags stay. tags: only these go. untagged: manifests without a tag go after so many days.</p></div>
${visitor.administrator && registry.tokens && html`<label class="choice"><input type="checkbox" name="official" value="1" ${repository.official && html`checked`}><span>Official image</span></label>`}
<button class="first" type="submit">Save</button></form>
${
  registry.tokens &&
  html`<h2>Access</h2><div class="card"><p class="dim">Beside the owners of the name, these may use this repository.</p>
${
  grants.length > 0 &&
  html`<table><tbody>${grants.map(
    ({ account, role }) =>
      html`<tr><td><a href="/u/${account}">${account}</a></td><td>${role}</td><td><form method="post" action="/r/${name}/-/access">${guard(visitor)}<input type="hidden" name="account" value="${account}"><input type="hidden" name="role" value="none"><button class="plain danger" type="submit" aria-label="Remove ${account}">Remove</button></form></td></tr>`,
  )}</tbody></table>`
}
<form class="row" method="post" action="/r/${name}/-/access">${guard(visitor)}<span><label for="account">User</label><input id="account" name="account" required></span><span><label for="role">May</label>${roleSelect("role")}</span><button type="submit">Allow</button></form></div>`
}
<h2>Delete</h2><form class="card row" method="post" action="/r/${name}/-/delete">${guard(visitor)}
<span><label for="gone">To delete the repository with all its tags, type its name</label><input id="gone" name="name" required placeholder="${name}" autocomplete="off" autocapitalize="none"></span><button class="danger" type="submit">Delete this repository</button></form>`;
  return { title: `Settings of ${name}`, body, ...more, ...(more.error !== undefined && { status: 400 }) };
}

/** POST `/r/NAME/-/settings` */
export async function saveSettings(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { store, form, visitor, registry } = exchange;
  const repository = await requireAdmin(exchange, name);
  const text = (field: string, limit: number) => (form.get(field) ?? "").slice(0, limit);
  const wanted = {
    description: text("description", 200).trim(),
    readme: text("readme", maxReadme),
    immutable: text("immutable", 500).trim(),
    retention: text("retention", 500).trim(),
    ...(registry.tokens && form.has("private") && { private: form.get("private") === "1" }),
    ...(visitor.administrator && registry.tokens && { official: form.get("official") === "1" }),
  };
  try {
    parseRetention(wanted.retention);
  } catch (error) {
    if (!isEngineError(error, "invalidArgument")) throw error;
    return settingsOf(exchange, { ...repository, ...wanted }, { error: error.message });
  }
  await store.repositories.set(name, wanted);
  return settingsOf(exchange, { ...repository, ...wanted }, { message: "Saved." });
}

/** POST `/r/NAME/-/access` */
export async function setAccess(exchange: PageExchange, { name }: NameParams): Promise<Page> {
  const { registry, form } = exchange;
  const repository = await requireAdmin(exchange, name);
  try {
    await registry.tokens?.accounts.setGrant(name, (form.get("account") ?? "").trim(), roleFrom(form));
  } catch (error) {
    if (!isEngineError(error, "notFound")) throw error;
    return settingsOf(exchange, repository, { error: error.message });
  }
  return { redirect: `/r/${name}/-/settings` };
}
