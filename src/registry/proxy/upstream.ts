import { messageOf, unavailable } from "../../base/errors.ts";
import { manifestAccept } from "../../oci/media-types.ts";

/** A registry that a part of the names is fetched from. */
export interface UpstreamOptions {
  /** The first part of the names here: `docker.io` in `docker.io/library/busybox`; "" for all names. */
  prefix: string;
  /** `https://registry-1.docker.io` */
  url: string;
  username?: string;
  password?: string;
  /** How long a tag is not asked for again, in milliseconds. */
  freshMillis: number;
}

/** Until the answer's head; a body may take as long as it takes. */
const headMillis = 30_000;
const tokenMillis = 15_000;
/** Tokens are used a little shorter than they are good. */
const spareMillis = 10_000;
const defaultLifetimeSeconds = 60;

/** A client that reads from one registry, with or without log-in. */
export class Upstream {
  readonly options: UpstreamOptions;
  readonly #authorizations = new Map<string, { value: string; until: number }>();

  constructor(options: UpstreamOptions) {
    this.options = options;
  }

  manifest(method: "GET" | "HEAD", name: string, reference: string): Promise<Response> {
    return this.#request(method, name, `manifests/${reference}`, { Accept: manifestAccept.join(", ") });
  }

  blob(method: "GET" | "HEAD", name: string, digest: string): Promise<Response> {
    return this.#request(method, name, `blobs/${digest}`, {});
  }

  /** Throws `unavailable` when there is no answer, or one that says that it cannot be given now. */
  async #request(
    method: string,
    name: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<Response> {
    const url = `${this.options.url}/v2/${name}/${path}`;
    const known = this.#authorizations.get(name);
    const first = known && known.until > Date.now() ? known.value : undefined;
    let answer = await attempt(url, method, headers, first);
    if (answer.status === 401) {
      await answer.body?.cancel();
      const authorization = await this.#authorize(name, answer.headers.get("www-authenticate") ?? "");
      answer = await attempt(url, method, headers, authorization);
    }
    if (answer.status >= 500 || answer.status === 429 || answer.status === 401) {
      await answer.body?.cancel();
      throw unavailable(`${this.options.url}: status ${answer.status}`);
    }
    return answer;
  }

  /** The `Authorization` that a challenge asks for. */
  async #authorize(name: string, challenge: string): Promise<string | undefined> {
    const { username, password = "" } = this.options;
    const basic =
      username === undefined
        ? undefined
        : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    if (/^basic/i.test(challenge)) {
      if (basic !== undefined) this.#keep(name, basic, Number.POSITIVE_INFINITY);
      return basic;
    }
    const realm = /realm="([^"]+)"/i.exec(challenge)?.[1];
    if (!/^bearer/i.test(challenge) || realm === undefined || !URL.canParse(realm)) return undefined;
    const url = new URL(realm);
    const service = /service="([^"]+)"/i.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${name}:pull`);
    const answer = await fetch(url, {
      headers: basic === undefined ? {} : { Authorization: basic },
      signal: AbortSignal.timeout(tokenMillis),
    }).catch((error) => {
      throw unavailable(`${url.origin}: ${messageOf(error)}`, error);
    });
    if (!answer.ok) throw unavailable(`${url.origin}: status ${answer.status}`);
    const body = (await answer.json()) as { token?: string; access_token?: string; expires_in?: number };
    const value = `Bearer ${body.token ?? body.access_token ?? ""}`;
    const millis = (body.expires_in ?? defaultLifetimeSeconds) * 1000 - spareMillis;
    this.#keep(name, value, Date.now() + millis);
    return value;
  }

  #keep(name: string, value: string, until: number): void {
    if (this.#authorizations.size > 10_000) this.#authorizations.clear();
    this.#authorizations.set(name, { value, until });
  }
}

async function attempt(
  url: string,
  method: string,
  headers: Record<string, string>,
  authorization?: string,
): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error("no answer")), headMillis);
  try {
    return await fetch(url, {
      method,
      headers: authorization === undefined ? headers : { ...headers, Authorization: authorization },
      signal: stop.signal,
    });
  } catch (error) {
    throw unavailable(`${new URL(url).origin}: ${messageOf(error)}`, error);
  } finally {
    clearTimeout(timer);
  }
}
