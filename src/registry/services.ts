import { RegistryError } from "./errors.ts";
import { type Exchange, readBody, sendJson } from "./http.ts";
import { servePage } from "./web/router.ts";

const maxResults = 100;
const maxForm = 64 * 1024;

/** What is not below /v2/: health, metrics, search, tokens, and the pages. */
export async function serveOther(exchange: Exchange): Promise<void> {
  const { path, request } = exchange;
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (path === "/healthz" && isRead) return await health(exchange);
  if (path === "/metrics" && isRead) return await metrics(exchange);
  if (path === "/v1/_ping" && isRead) return sendJson(exchange, 200, true);
  if (path === "/v1/search" && isRead) return await search(exchange);
  if (path === "/token") return await token(exchange);
  await servePage(exchange);
}

/** 200 when the index answers, else the error's own status. */
async function health(exchange: Exchange): Promise<void> {
  await exchange.store.database.get("SELECT 1 AS one");
  sendJson(exchange, 200, { status: "ok" });
}

/** For Prometheus. With log-in, only for this machine and for administrators. */
async function metrics(exchange: Exchange): Promise<void> {
  const { response, registry, store, info } = exchange;
  const isLocal = /^(?:::ffff:)?127\.|^::1$/.test(info.remote);
  if (registry.options.auth.kind !== "none" && !isLocal) await requireAdministrator(exchange);
  const text = Buffer.from(await registry.metrics.text(store.database));
  response.writeHead(200, {
    "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    "Content-Length": text.length,
  });
  response.end(text);
}

async function requireAdministrator({ registry, info }: Exchange): Promise<void> {
  const { account } = await registry.authenticator.identify(info);
  const found = account === undefined ? undefined : await registry.tokens?.accounts.get(account);
  if (registry.tokens ? !found?.administrator : account === undefined) {
    throw new RegistryError("UNAUTHORIZED", { headers: { "WWW-Authenticate": 'Basic realm="metrics"' } });
  }
}

/** What `docker search` asks: GET /v1/search?q=…&n=…&page=… */
async function search(exchange: Exchange): Promise<void> {
  const { query, registry, store, info } = exchange;
  const identity = await registry.authenticator.identify(info);
  const text = (query.get("q") ?? "").replace(/^library\//, "");
  const size = bounded(query.get("n"), 25, maxResults);
  const page = bounded(query.get("page"), 1, 100_000);
  const visible = await identity.visible();
  const { repositories, total } = await store.repositories.search(text, visible, {
    limit: size,
    offset: (page - 1) * size,
  });
  sendJson(exchange, 200, {
    query: text,
    num_results: total,
    num_pages: Math.ceil(total / size),
    page,
    page_size: size,
    results: repositories.map((one) => ({
      name: one.name,
      description: one.description,
      is_official: one.official,
      is_automated: false,
      is_trusted: false,
      star_count: one.stars,
      pull_count: one.pulls,
    })),
  });
}

function bounded(text: string | null, fallback: number, most: number): number {
  return /^[1-9]\d{0,6}$/.test(text ?? "") ? Math.min(Number(text), most) : fallback;
}

/** Docker's token protocol: GET with Basic credentials or none; POST as OAuth 2 (password, refresh_token). */
async function token(exchange: Exchange): Promise<void> {
  const { request, registry, query, info } = exchange;
  const { tokens } = registry;
  if (!tokens) throw new RegistryError("NAME_UNKNOWN", { message: "this registry gives no tokens" });
  if (request.method === "GET") {
    const { authorization } = info;
    const login =
      authorization === undefined
        ? { account: undefined, limit: "pull" as const }
        : await tokens.logInBasic(info);
    const scopes = query
      .getAll("scope")
      .flatMap((scope) => scope.split(" "))
      .filter(Boolean);
    const offline = query.get("offline_token") === "true";
    return sendToken(
      exchange,
      await tokens.issue(login, scopes, { offline, label: query.get("client_id") ?? "" }),
    );
  }
  if (request.method !== "POST") throw new RegistryError("METHOD", { headers: { Allow: "GET, POST" } });
  const bytes = await readBody(
    request,
    maxForm,
    () => new RegistryError("TOO_LARGE", { details: [{ limit: maxForm }] }),
  );
  const form = new URLSearchParams(bytes.toString("utf8"));
  const scopes = (form.get("scope") ?? "").split(" ").filter(Boolean);
  const options = { offline: form.get("access_type") === "offline", label: form.get("client_id") ?? "" };
  if (form.get("grant_type") === "refresh_token") {
    const given = form.get("refresh_token") ?? "";
    const issued = await tokens.issue(await tokens.refresh(given), scopes);
    return sendToken(exchange, { ...issued, refresh_token: given });
  }
  if (form.get("grant_type") !== "password")
    throw new RegistryError("UNSUPPORTED", { message: "unsupported grant_type" });
  const login = await tokens.logIn(form.get("username") ?? "", form.get("password") ?? "", info.remote);
  sendToken(exchange, await tokens.issue(login, scopes, options));
}

function sendToken(exchange: Exchange, answer: object): void {
  sendJson(exchange, 200, answer, { "Cache-Control": "no-store" });
}
