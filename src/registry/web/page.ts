import { sha256Of } from "../../oci/digester.ts";
import type { Role } from "../auth/identity.ts";
import type { Exchange } from "../http.ts";
import { type Content, Html, html } from "./html.ts";
import { script, style } from "./style.ts";

/** Somebody at a browser. */
export interface Visitor {
  account: string | undefined;
  /** In every form: says that it was us who made it. "" where there is no session. */
  csrf: string;
  administrator: boolean;
  /** What the log-in allows at most. */
  limit: Role;
}

/** A request for a page. */
export interface PageExchange extends Exchange {
  visitor: Visitor;
  /** The fields of a form. */
  form: URLSearchParams;
}

/** What a page's handler answers. */
export type Page =
  | { title: string; body: Html; status?: number; cookie?: string; message?: string; error?: string }
  | { redirect: string; cookie?: string };

const assetVersion = sha256Of(style + script).slice(7, 19);

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'";

/** Sends a page. Pages with an account are nobody else's. */
export function sendPage(exchange: PageExchange, page: Page): void {
  const { request, response } = exchange;
  if (page.cookie !== undefined) response.setHeader("Set-Cookie", page.cookie);
  response.setHeader("Cache-Control", "no-store");
  if ("redirect" in page) {
    response.writeHead(303, { Location: page.redirect, "Content-Length": 0 }).end();
    return;
  }
  const bytes = Buffer.from(`<!doctype html>\n${frame(exchange, page).text}`);
  response.writeHead(page.status ?? 200, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": bytes.length,
    "Content-Security-Policy": policy,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function frame(exchange: PageExchange, page: Exclude<Page, { redirect: string }>): Html {
  const { query, path } = exchange;
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title} · ${hostOf(exchange)}</title>
<link rel="stylesheet" href="/assets/style.css?${assetVersion}">
<link rel="icon" href="${icon}">
<script src="/assets/script.js?${assetVersion}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="wrap">
<a class="logo" href="/">${logo}<span>Longshore</span></a>
<form class="search" role="search" action="/" method="get">
<input type="search" name="q" value="${path === "/" ? (query.get("q") ?? "") : ""}" placeholder="Search images" aria-label="Search images">
<button type="submit">Search</button>
</form>
<nav aria-label="Account">${accountLinks(exchange)}</nav>
</div></header>
<main id="main" class="wrap">
${page.error !== undefined && html`<p class="message error" role="alert">${page.error}</p>`}
${page.message !== undefined && html`<p class="message" role="status">${page.message}</p>`}
${page.body}
</main>
<footer><div class="wrap">Longshore registry at ${hostOf(exchange)} · OCI distribution 1.1</div></footer>
<div id="live" class="visually-hidden" aria-live="polite"></div>
</body>
</html>`;
}

function accountLinks({ registry, visitor }: PageExchange): Content {
  if (!registry.tokens) return undefined;
  if (visitor.account === undefined) {
    const { auth } = registry.options;
    return html`<a href="/login">Log in</a>${auth.kind === "accounts" && auth.signUp && html`<a class="button first" href="/signup">Create account</a>`}`;
  }
  return html`<a href="/u/${visitor.account}">${visitor.account}</a><a href="/settings">Account</a>${visitor.administrator && html`<a href="/admin">Administration</a>`}
<form method="post" action="/logout">${guard(visitor)}<button class="plain" type="submit">Log out</button></form>`;
}

/** The hidden field that every form has. */
export function guard({ csrf }: Visitor): Html {
  return html`<input type="hidden" name="csrf" value="${csrf}">`;
}

/** `registry.example.com:5000`, as it stands in the names of images. */
export function hostOf({ info }: Exchange): string {
  return new URL(info.origin).host;
}

/** A command with its button to copy it. */
export function command(text: string): Html {
  return html`<div class="command"><code>${text}</code><button type="button" data-copy="${text}" aria-label="Copy ${text}">Copy</button></div>`;
}

const ship = "M3 4h6v6H3zM11 4h6v6h-6zM3 12h6v6H3zM11 12h6v6h-6zM19 12h6v6h-6zM2 20h24l-3 5H5z";
const logo = new Html(
  `<svg viewBox="0 0 28 28" aria-hidden="true"><path fill="currentColor" d="${ship}"/></svg>`,
);
const icon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><path fill="#2b7de0" d="${ship}"/></svg>`,
)}`;

export const assets: ReadonlyMap<string, { type: string; text: string }> = new Map([
  ["/assets/style.css", { type: "text/css; charset=utf-8", text: style }],
  ["/assets/script.js", { type: "text/javascript; charset=utf-8", text: script }],
]);
