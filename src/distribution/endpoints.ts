import { invalidArgument } from "../base/errors.ts";
import { defaultDomain } from "../oci/reference.ts";
import { defaultCertsDir, readCertificates } from "./certificates.ts";
import type { TlsOptions } from "./http.ts";
import { InsecureRegistries } from "./insecure.ts";

/** One place where the images of a registry can be had. */
export interface Endpoint {
  /** `https://registry-1.docker.io`: no path, no slash at the end. */
  url: URL;
  /** A copy: what it does not have, the registry itself may. Credentials are not for it. */
  mirror: boolean;
  tls: TlsOptions | undefined;
}

export interface RegistryOptions {
  /** Mirrors of Docker Hub, in the order in which they are asked: `http://host:port` or `https://host`. */
  mirrors?: readonly string[];
  /** As `--insecure-registry` takes them. */
  insecureRegistries?: readonly string[];
  certsDir?: string;
}

/** Docker Hub's API is not at the name that its images have. */
export const hubEndpoint = "https://registry-1.docker.io";
/** The key of Docker Hub in `~/.docker/config.json`, and its address in `docker login`. */
export const hubIndexServer = "https://index.docker.io/v1/";

/**
 * Where each registry is, after the daemon's configuration. `configure` replaces it while pulls run.
 */
export class Registries {
  #mirrors: URL[] = [];
  #insecure = new InsecureRegistries([]);
  #certsDir = defaultCertsDir;
  /** Plain HTTP worked for these hosts: TLS is not tried again. */
  readonly #plain = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.configure(options);
  }

  /** Throws `invalidArgument`, and changes nothing, when a mirror or a registry is not valid. */
  configure(options: RegistryOptions): void {
    const mirrors = (options.mirrors ?? []).map((text) => new URL(validateMirror(text)));
    const insecure = new InsecureRegistries(options.insecureRegistries ?? []);
    this.#mirrors = mirrors;
    this.#insecure = insecure;
    this.#certsDir = options.certsDir ?? defaultCertsDir;
    this.#plain.clear();
  }

  /** Whether plain HTTP and unknown certificates are allowed for the registry at `host`. */
  isInsecure(host: string): Promise<boolean> {
    return this.#insecure.has(host);
  }

  /** What to ask for the images of `domain`, in order: mirrors first (not for a push), then the registry itself. */
  async endpoints(domain: string, purpose: "pull" | "push"): Promise<Endpoint[]> {
    const mirrors = domain === defaultDomain && purpose === "pull" ? this.#mirrors : [];
    const own =
      domain === defaultDomain ? [await this.#at(new URL(hubEndpoint), false)] : await this.#own(domain);
    return [...(await Promise.all(mirrors.map((url) => this.#at(url, true)))), ...own];
  }

  /** The registry at `host`: by HTTPS, and for an insecure one by HTTP when it does not speak TLS. */
  async #own(host: string): Promise<Endpoint[]> {
    const secure = await this.#at(new URL(`https://${host}`), false);
    if (!(await this.#insecure.has(host))) return [secure];
    const plain: Endpoint = { url: new URL(`http://${host}`), mirror: false, tls: undefined };
    return this.#plain.has(plain.url.host) ? [plain, secure] : [secure, plain];
  }

  async #at(url: URL, mirror: boolean): Promise<Endpoint> {
    if (url.protocol === "http:") return { url, mirror, tls: undefined };
    const own = await readCertificates(this.#certsDir, url.host);
    const tls: TlsOptions = { ...own };
    if (await this.#insecure.has(url.host)) tls.rejectUnauthorized = false;
    return { url, mirror, tls: Object.keys(tls).length > 0 ? tls : undefined };
  }

  /** Remembers that `endpoint` answered. */
  confirm(endpoint: Endpoint): void {
    if (endpoint.url.protocol === "http:") this.#plain.add(endpoint.url.host);
    else this.#plain.delete(endpoint.url.host);
  }
}

/**
 * Checks what `--registry-mirror` takes; returns it with a slash at its end. Throws `invalidArgument` in Docker's
 * words.
 */
export function validateMirror(text: string): string {
  if (!URL.canParse(text)) throw invalidArgument(`invalid mirror: "${text}" is not a valid URI`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw invalidArgument(`invalid mirror: unsupported scheme "${url.protocol.slice(0, -1)}" in "${text}"`);
  }
  if (url.username !== "" || url.password !== "") {
    url.username = "xxxxx";
    url.password = "";
    throw invalidArgument(`invalid mirror: username/password not allowed in URI "${url.href}"`);
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw invalidArgument(`invalid mirror: path, query, or fragment at end of the URI "${text}"`);
  }
  return url.href;
}
