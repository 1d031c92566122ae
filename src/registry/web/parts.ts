import { humanDuration, humanSize } from "../../base/units.ts";
import type { Repository } from "../repositories.ts";
import { type Content, type Html, html } from "./html.ts";

/** `3 hours ago`, as it stands within a sentence, with the exact time to hover over. */
export function ago(millis: number | null, now: number): Html {
  if (millis === null) return html`never`;
  const iso = new Date(millis).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${humanDuration(Math.max(0, now - millis)).toLowerCase()} ago</time>`;
}

export function size(bytes: number): string {
  return humanSize(bytes, 3);
}

/** `1,234 pulls` */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** A list of repositories. */
export function repositoryList(repositories: readonly Repository[], now: number): Html {
  return html`<ul class="cards">${repositories.map(
    (
      one,
    ) => html`<li class="card"><div class="row between"><span><a class="name" href="/r/${one.name}">${one.name}</a> ${badges(one)}</span>
<span class="dim small">${counted(one.pulls, "pull")} · ${counted(one.stars, "star")} · pushed ${ago(one.pushed_at, now)}</span></div>
${one.description && html`<p class="dim">${one.description}</p>`}</li>`,
  )}</ul>`;
}

export function badges(repository: Repository): Content {
  return html`${repository.official && html`<span class="badge official">official</span> `}${repository.private && html`<span class="badge private">private</span>`}`;
}

export const pageSize = 25;

/** The number of the page that is wanted, from 1 on. */
export function pageNumber(query: URLSearchParams): number {
  const text = query.get("page") ?? "1";
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 1;
}

/** Links to the page before and the page after. */
export function pageLinks(path: string, query: URLSearchParams, more: boolean): Html {
  const page = pageNumber(query);
  const to = (n: number) => {
    const target = new URLSearchParams(query);
    target.set("page", String(n));
    return `${path}?${target}`;
  };
  return html`<nav class="pages" aria-label="Pages"><span>${page > 1 && html`<a href="${to(page - 1)}" rel="prev">← Newer</a>`}</span>
<span>${more && html`<a href="${to(page + 1)}" rel="next">Older →</a>`}</span></nav>`;
}
