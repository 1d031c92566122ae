import { invalidArgument } from "../base/errors.ts";
import { defaultDomain, type Reference } from "../oci/reference.ts";

/**
 * Copies of what is at some registries. The key is `host[:port]`, or that and the beginning of a path
 * (`quay.io/team`); the values are asked in order, before the registry itself. The path of a mirror stands for the key:
 * with `https://m.example/copies` for `quay.io/team`, `quay.io/team/app` is `copies/app` there.
 */
export type MirrorSettings = Readonly<Record<string, readonly string[]>>;

/** A repository at a mirror. */
export interface MirrorPlace {
  /** Without a path. */
  url: URL;
  repository: string;
}

/** Finds the mirrors of a repository: those of the longest key that fits, and no others. */
export class Mirrors {
  /** By key, the longest first. */
  readonly #rules: readonly { domain: string; path: string; mirrors: readonly URL[] }[];

  /** Throws `invalidArgument` for keys and addresses that cannot be. */
  constructor(settings: MirrorSettings) {
    this.#rules = Object.entries(settings)
      .map(([key, mirrors]) => ({ ...parseKey(key), mirrors: mirrors.map(parseMirror) }))
      .sort((a, b) => b.path.length - a.path.length);
  }

  /** In the order in which they are to be asked. */
  of(reference: Pick<Reference, "domain" | "path">): MirrorPlace[] {
    const rule = this.#rules.find(
      ({ domain, path }) =>
        domain === reference.domain && (path === "" || `${reference.path}/`.startsWith(`${path}/`)),
    );
    if (rule === undefined) return [];
    const rest = rule.path === "" ? reference.path : reference.path.slice(rule.path.length + 1);
    return rule.mirrors.map((mirror) => {
      const base = mirror.pathname.replace(/^\/|\/$/g, "");
      return { url: new URL(mirror.origin), repository: [base, rest].filter(Boolean).join("/") };
    });
  }
}

const keyForm = /^((?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?)((?:\/[a-z0-9._-]+)*)$/;

function parseKey(key: string): { domain: string; path: string } {
  const match = keyForm.exec(key);
  if (!match?.[1]) throw invalidArgument(`invalid registry: "${key}" is not a host with, perhaps, a path`);
  const [, host, path = ""] = match;
  const domain = host === "index.docker.io" ? defaultDomain : host;
  return { domain, path: path.slice(1) };
}

function parseMirror(text: string): URL {
  const url = mirrorUrl(text);
  if (url.search !== "" || url.hash !== "") {
    throw invalidArgument(`invalid mirror: query or fragment at end of the URI "${text}"`);
  }
  return url;
}

/**
 * Checks what `--registry-mirror` takes; returns it with a slash at its end. Throws `invalidArgument` in Docker's
 * words.
 */
export function validateMirror(text: string): string {
  const url = mirrorUrl(text);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw invalidArgument(`invalid mirror: path, query, or fragment at end of the URI "${text}"`);
  }
  return url.href;
}

function mirrorUrl(text: string): URL {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? "";
  if (scheme !== "http" && scheme !== "https") {
    throw invalidArgument(`invalid mirror: unsupported scheme "${scheme}" in "${text}"`);
  }
  if (!URL.canParse(text)) throw invalidArgument(`invalid mirror: "${text}" is not a valid URI`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    url.username = "xxxxx";
    url.password = "";
    throw invalidArgument(`invalid mirror: username/password not allowed in URI "${url.href}"`);
  }
  return url;
}
