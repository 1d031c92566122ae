import { abortable } from "../base/abort.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicAuthorization, type Credentials } from "./credentials.ts";
import type { HttpClient, HttpRequest, TlsOptions } from "./http.ts";
import { goMethod, redactUrl } from "./network-error.ts";
import { RegistryError } from "./registry-error.ts";
import { fetchToken, type Token } from "./token.ts";

/** What Docker says when a registry asks for a user and there is none. */
const noBasicCredentials = "no basic auth credentials";

/**
 * Answers the challenges of one registry for one repository. Learns from the first 401 what the registry wants, gets
 * tokens, and replaces them when they end, also in the middle of a pull. Credentials are sent to this registry's origin
 * only.
 */
export class Authorizer {
  readonly #http: HttpClient;
  readonly #registry: URL;
  readonly #credentials: Credentials;
  readonly #tls: TlsOptions | undefined;
  readonly #scopes: Set<string>;
  readonly #offline: boolean;
  readonly #clock: Clock;
  #challenge: Challenge | undefined;
  #token: Token | undefined;
  #refresh: Promise<Token> | undefined;

  constructor(options: {
    http: HttpClient;
    registry: URL;
    credentials: Credentials;
    /** What is going to be done: `repository:library/busybox:pull`. */
    scopes: readonly string[];
    tls?: TlsOptions | undefined;
    /** Asks token servers for a refresh token too. */
    offline?: boolean;
    clock?: Clock;
  }) {
    this.#http = options.http;
    this.#registry = options.registry;
    this.#credentials = options.credentials;
    this.#tls = options.tls;
    this.#scopes = new Set(options.scopes);
    this.#offline = options.offline ?? false;
    this.#clock = options.clock ?? systemClock;
  }

  /** The refresh token that the last token came with, for `docker login`. */
  get refreshToken(): string | undefined {
    return this.#token?.refreshToken;
  }

  /** Sends `request` with what the registry wants to see. An answer of 401 is one to credentials that it refuses. */
  async request(request: HttpRequest): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const used = await abortable(this.#authorization(), request.signal);
      const response = await this.#send(request, used);
      if (response.status !== 401 || attempt === 2) return response;
      if (request.url.origin !== this.#registry.origin) return response;
      if (!this.#learn(parseChallenges(response.headers.get("www-authenticate")), used, attempt))
        return response;
      // A stream that was sent cannot be sent again: whoever sent it tries again from its start.
      if (request.body instanceof ReadableStream) return response;
      await response.body?.cancel();
      if (this.#challenge?.scheme === "basic" && basicAuthorization(this.#credentials) === undefined) {
        const asked = `${goMethod(request.method)} "${redactUrl(request.url)}"`;
        throw new RegistryError(401, "unauthorized", `${asked}: ${noBasicCredentials}`);
      }
    }
  }

  #send(request: HttpRequest, authorization: string | undefined): Promise<Response> {
    const own = request.url.origin === this.#registry.origin;
    const headers: Record<string, string> = { ...request.headers };
    if (own && authorization !== undefined) headers.authorization = authorization;
    return this.#http.request({ ...request, headers, tls: this.#tls });
  }

  /** Takes in a 401. True when another try makes sense, because it is going to be sent with something else. */
  #learn(challenges: readonly Challenge[], used: string | undefined, attempt: number): boolean {
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    const challenge = bearer ?? challenges.find(({ scheme }) => scheme === "basic");
    if (challenge === undefined || this.#credentials.registrytoken !== undefined) return false;
    this.#challenge = challenge;
    if (bearer === undefined) return used === undefined;
    const asked = bearer.parameters.scope?.split(" ").filter((scope) => scope !== "") ?? [];
    const grown = asked.some((scope) => !this.#scopes.has(scope));
    for (const scope of asked) this.#scopes.add(scope);
    // The first token may have been an old one, or one for less; a second refusal is meant.
    if (used !== undefined && attempt > 0 && !grown) return false;
    if (this.#token !== undefined && used === `Bearer ${this.#token.value}`) this.#token = undefined;
    return true;
  }

  async #authorization(): Promise<string | undefined> {
    const { registrytoken } = this.#credentials;
    if (registrytoken !== undefined) return `Bearer ${registrytoken}`;
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === "basic") return basicAuthorization(this.#credentials);
    if (this.#token !== undefined && this.#token.expiresAt > this.#clock.now()) {
      return `Bearer ${this.#token.value}`;
    }
    return `Bearer ${(await this.#newToken(this.#challenge)).value}`;
  }

  /** All who need a token at the same time get it from one request. */
  #newToken(challenge: Challenge): Promise<Token> {
    this.#refresh ??= fetchToken(this.#http, {
      registry: this.#registry,
      challenge,
      scopes: [...this.#scopes],
      credentials: this.#credentials,
      tls: this.#tls,
      offline: this.#offline,
      clock: this.#clock,
    })
      .then((token) => {
        this.#token = token;
        return token;
      })
      .finally(() => {
        this.#refresh = undefined;
      });
    return this.#refresh;
  }
}
