import { isRole, type Role, roleAllows, roles } from "../auth/identity.ts";
import { RegistryError } from "../errors.ts";
import { howToPush } from "./explore.ts";
import { html } from "./html.ts";
import { guard, type Page, type PageExchange } from "./page.ts";
import { pageLinks, pageNumber, pageSize, repositoryList } from "./parts.ts";

/** `/u/NAME`: what a user or an organisation has. */
export async function namespacePage(exchange: PageExchange, { name }: { name: string }): Promise<Page> {
  const { store, query, identity, registry, visitor, path } = exchange;
  const account = await registry.tokens?.accounts.get(name);
  const offset = (pageNumber(query) - 1) * pageSize;
  const visible = await identity.visible();
  const limit = pageSize + 1;
  const found = await store.repositories.ofNamespace(name, visible, { limit, offset });
  if (found.length === 0 && !account && offset === 0)
    throw new RegistryError("NAME_UNKNOWN", { message: `there is nobody called ${name}` });
  const own =
    (await registry.tokens?.accounts.roleIn(visitor.account, `${name}/x`)) ??
    (registry.tokens ? undefined : "admin");
  const mayPush = roleAllows(own, "push");
  const body = html`
<div class="row between"><div><h1>${name}</h1><p class="dim">${account?.kind === "organisation" ? "Organisation" : "User"}${account?.description && html` · ${account.description}`}</p></div></div>
${found.length > 0 ? repositoryList(found.slice(0, pageSize), store.clock.now()) : html`<p class="dim">${mayPush ? "No images yet." : "No images to see."}</p>`}
${pageLinks(path, query, found.length > pageSize)}
${mayPush && html`<details class="card" ${found.length === 0 ? html`open` : html``}><summary class="name">Push an image</summary>${howToPush(exchange, name)}</details>`}
${account?.kind === "organisation" && (await memberCard(exchange, name, own))}`;
  return { title: name, body };
}

async function memberCard({ registry, visitor }: PageExchange, organisation: string, own: Role | undefined) {
  const members = (await registry.tokens?.accounts.members(organisation)) ?? [];
  if (!roleAllows(own, "pull")) return undefined;
  const isAdmin = roleAllows(own, "admin");
  return html`<h2>Members</h2><div class="card">
<table class="stacks"><thead><tr><th>Name</th><th>May</th>${isAdmin && html`<th><span class="visually-hidden">Change</span></th>`}</tr></thead><tbody>
${members.map(
  ({
    account,
    role,
  }) => html`<tr><td><a href="/u/${account}">${account}</a></td><td data-label="May">${role}</td>
${isAdmin && html`<td><form method="post" action="/u/${organisation}/-/members">${guard(visitor)}<input type="hidden" name="account" value="${account}"><input type="hidden" name="role" value="none"><button class="plain danger" type="submit" aria-label="Remove ${account}">Remove</button></form></td>`}</tr>`,
)}</tbody></table>
${
  isAdmin &&
  html`<form class="row" method="post" action="/u/${organisation}/-/members">${guard(visitor)}
<span><label for="member">User</label><input id="member" name="account" required></span>
<span><label for="role">May</label>${roleSelect("role")}</span><button type="submit">Add or change</button></form>`
}</div>`;
}

/** The choice of a role. */
export function roleSelect(id: string) {
  return html`<select id="${id}" name="role">${roles.map((role) => html`<option value="${role}">${role}</option>`)}</select>`;
}

/** The role of a form, or "none". Throws UNSUPPORTED. */
export function roleFrom(form: URLSearchParams): Role | "none" {
  const role = form.get("role") ?? "";
  if (role !== "none" && !isRole(role))
    throw new RegistryError("UNSUPPORTED", { message: `invalid role: ${role}` });
  return role;
}

/** POST `/u/NAME/-/members`: adds, changes or removes a member. */
export async function setMember(
  { registry, visitor, form }: PageExchange,
  { name }: { name: string },
): Promise<Page> {
  const accounts = registry.tokens?.accounts;
  if (!accounts || !roleAllows(await accounts.roleIn(visitor.account, `${name}/x`), "admin"))
    throw new RegistryError("DENIED");
  await accounts.setMember(name, (form.get("account") ?? "").trim(), roleFrom(form));
  return { redirect: `/u/${name}` };
}
