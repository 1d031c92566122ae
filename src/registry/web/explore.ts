import { html } from "./html.ts";
import { command, hostOf, type Page, type PageExchange } from "./page.ts";
import { counted, pageLinks, pageNumber, pageSize, repositoryList } from "./parts.ts";

/** `/`: search, and all that there is to see. */
export async function explore(exchange: PageExchange): Promise<Page> {
  const { query, store, identity, path } = exchange;
  const text = (query.get("q") ?? "").trim().slice(0, 200);
  const offset = (pageNumber(query) - 1) * pageSize;
  const visible = await identity.visible();
  const { repositories, total } = await store.repositories.search(text, visible, { limit: pageSize, offset });
  const heading = text === "" ? "All images" : `${counted(total, "image")} for “${text}”`;
  const body = html`
<h1>${heading}</h1>
${total === 0 ? (text === "" ? welcome(exchange) : html`<p class="dim">Nothing here has that in its name or description.</p>`) : repositoryList(repositories, store.clock.now())}
${pageLinks(path, query, offset + repositories.length < total)}`;
  return { title: text === "" ? "Images" : text, body };
}

/** What to do first. */
export function howToPush(exchange: PageExchange, namespace: string) {
  const host = hostOf(exchange);
  const { account } = exchange.visitor;
  return html`<div class="stack">
${exchange.registry.options.auth.kind !== "none" && html`<div><p>Log in with Docker:</p>${command(account === undefined ? `docker login ${host}` : `docker login -u ${account} ${host}`)}</div>`}
<div><p>Give an image a name here:</p>${command(`docker tag busybox ${host}/${namespace}/busybox:1.0`)}</div>
<div><p>Push it:</p>${command(`docker push ${host}/${namespace}/busybox:1.0`)}</div>${whoSeesIt(exchange)}</div>`;
}

function whoSeesIt({ registry: { options } }: PageExchange) {
  if (options.auth.kind !== "accounts") return undefined;
  return options.auth.private
    ? html`<p class="hint">Only you, and whom you allow, can pull it, until you make it public: on its page, under Settings.</p>`
    : html`<p class="hint">Everybody can pull it, until you make it private: on its page, under Settings.</p>`;
}

function welcome(exchange: PageExchange) {
  const { visitor, registry } = exchange;
  const signUp = registry.tokens && visitor.account === undefined;
  return html`<div class="card"><h2>Nothing here yet</h2>
${signUp && html`<p>To push the first image, <a href="/signup">create an account</a> or <a href="/login">log in</a>.</p>`}
${howToPush(exchange, visitor.account ?? "team")}</div>`;
}
