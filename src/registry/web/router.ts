import { isEngineError } from "../../base/errors.ts";
import { isRepositoryPath } from "../../oci/reference.ts";
import { answerOf, RegistryError } from "../errors.ts";
import { type Exchange, readBody } from "../http.ts";
import * as account from "./account.ts";
import { adminPage, changeAccount, collectNow } from "./admin.ts";
import { explore } from "./explore.ts";
import { html } from "./html.ts";
import { namespacePage, setMember } from "./namespace.ts";
import { assets, type Page, type PageExchange, sendPage, type Visitor } from "./page.ts";
import * as repository from "./repository.ts";
import { requireOwnForm, visitorOf } from "./session.ts";
import { tagPage } from "./tag.ts";

type Handler = (exchange: PageExchange, params: { name: string; tag: string }) => Promise<Page>;

/** A form may be so long: a README is the longest of what is in one. */
const maxForm = 1024 * 1024;

const routes: readonly { method: "GET" | "POST"; path: RegExp; handle: Handler }[] = [
  { method: "GET", path: /^\/$/, handle: explore },
  { method: "GET", path: /^\/login$/, handle: account.logInPage },
  { method: "POST", path: /^\/login$/, handle: account.logIn },
  { method: "POST", path: /^\/logout$/, handle: account.logOut },
  { method: "GET", path: /^\/signup$/, handle: account.signUpPage },
  { method: "POST", path: /^\/signup$/, handle: account.signUp },
  { method: "GET", path: /^\/settings$/, handle: account.accountPage },
  { method: "POST", path: /^\/settings\/tokens$/, handle: account.createToken },
  { method: "POST", path: /^\/settings\/tokens\/delete$/, handle: account.deleteToken },
  { method: "POST", path: /^\/settings\/organisations$/, handle: account.createOrganisation },
  { method: "POST", path: /^\/settings\/password$/, handle: account.changePassword },
  { method: "GET", path: /^\/admin$/, handle: adminPage },
  { method: "POST", path: /^\/admin\/accounts$/, handle: changeAccount },
  { method: "POST", path: /^\/admin\/collect$/, handle: collectNow },
  { method: "GET", path: /^\/u\/(?<name>[^/]+)$/, handle: namespacePage },
  { method: "POST", path: /^\/u\/(?<name>[^/]+)\/-\/members$/, handle: setMember },
  { method: "GET", path: /^\/r\/(?<name>.+)\/-\/tags\/(?<tag>[^/]+)$/, handle: tagPage },
  { method: "GET", path: /^\/r\/(?<name>.+)\/-\/manifests\/(?<tag>[^/]+:[^/]+)$/, handle: tagPage },
  { method: "GET", path: /^\/r\/(?<name>.+)\/-\/settings$/, handle: repository.settingsPage },
  { method: "POST", path: /^\/r\/(?<name>.+)\/-\/settings$/, handle: repository.saveSettings },
  { method: "POST", path: /^\/r\/(?<name>.+)\/-\/access$/, handle: repository.setAccess },
  { method: "POST", path: /^\/r\/(?<name>.+)\/-\/star$/, handle: repository.star },
  { method: "POST", path: /^\/r\/(?<name>.+)\/-\/delete-tag$/, handle: repository.deleteTag },
  { method: "POST", path: /^\/r\/(?<name>.+)\/-\/delete$/, handle: repository.deleteRepository },
  { method: "GET", path: /^\/r\/(?<name>.+)$/, handle: repository.repositoryPage },
];

const nobody: Visitor = { account: undefined, csrf: "", administrator: false, limit: "pull" };

/** Answers a request for a page; errors are pages too. */
export async function servePage(exchange: Exchange): Promise<void> {
  if (sendAsset(exchange)) return;
  const page: PageExchange = Object.assign(exchange, { visitor: nobody, form: new URLSearchParams() });
  try {
    page.visitor = await visitorOf(exchange);
    sendPage(page, await answer(page));
  } catch (error) {
    if (!isEngineError(error) || error.code === "internal") throw error;
    sendError(page, error);
  }
}

async function answer(exchange: PageExchange): Promise<Page> {
  const { request, path } = exchange;
  const method = request.method === "HEAD" ? "GET" : request.method;
  for (const route of routes) {
    const groups = route.path.exec(path)?.groups ?? {};
    if (route.method !== method || !route.path.test(path)) continue;
    const { name = "", tag = "" } = Object.fromEntries(
      Object.entries(groups).map(([key, text]) => [key, decode(text)]),
    );
    if (path.startsWith("/r/") && !isRepositoryPath(name)) break;
    if (method === "POST") {
      exchange.form = await readForm(exchange);
      requireOwnForm(exchange);
    }
    return route.handle(exchange, { name, tag });
  }
  throw new RegistryError("NAME_UNKNOWN", { message: "there is no such page" });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

async function readForm({ request }: Exchange): Promise<URLSearchParams> {
  const limit = maxForm;
  const bytes = await readBody(
    request,
    limit,
    () => new RegistryError("TOO_LARGE", { details: [{ limit }] }),
  );
  return new URLSearchParams(bytes.toString("utf8"));
}

function sendError(exchange: PageExchange, error: unknown): void {
  const { request, response, registry, visitor, path } = exchange;
  request.resume();
  const { status, headers, body } = answerOf(error);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const reason = body.errors[0]?.message ?? "";
  // Whoever is not logged in may well be able to see it afterwards.
  const mayLogIn =
    registry.tokens && visitor.account === undefined && request.method === "GET" && path !== "/login";
  const text = html`<div class="card"><h1>${status === 404 ? "Not found" : `Error ${status}`}</h1><p>${reason.charAt(0).toUpperCase()}${reason.slice(1)}.</p>
${mayLogIn && html`<p>It may be private: <a href="/login?next=${path}">log in</a> to see more.</p>`}<p><a href="/">All images</a></p></div>`;
  sendPage(exchange, { title: status === 404 ? "Not found" : `Error ${status}`, body: text, status });
}

function sendAsset({ path, response }: Exchange): boolean {
  const asset = assets.get(path);
  if (!asset) return false;
  const bytes = Buffer.from(asset.text);
  response.writeHead(200, {
    "Content-Type": asset.type,
    "Content-Length": bytes.length,
    "Cache-Control": "max-age=31536000, immutable",
  });
  response.end(bytes);
  return true;
}
