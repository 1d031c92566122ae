import { defaultDomain, type Reference } from "../oci/reference.ts";
import { defaultCertsDir, readCertificates } from "./certificates.ts";
import type { TlsOptions } from "./http.ts";
import { InsecureRegistries } from "./insecure.ts";
import { type MirrorSettings, Mirrors, validateMirror } from "./mirrors.ts";

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
  /** Mirrors of any registry; where one has mirrors of Docker Hub as a whole too, they come after `mirrors`. */
  registryMirrors?: MirrorSettings;
  /** As `--insecure-registry` takes them. */
  insecureRegistries?: readonly string[];
  /** Where the certificates of registries are looked for, before Docker's place for them. */
  certsDir?: string | undefined;
}

/** A repository at an endpoint: a mirror may have it under another name. */
export interface Place {
  endpoint: Endpoint;
  repository: string;
}

/** Docker Hub's API is not at the name that its images have. */
export const hubEndpoint = "https://registry-1.docker.io";
/** The key of Docker Hub in `~/.docker/config.json`, and its address in `docker login`. */
export const hubIndexServer = "https://index.docker.io/v1/";

/**
 * Where each registry is, after the daemon's configuration. `configure` replaces it while pulls run.
 */
export class Registries {
  #mirrors = new Mirrors({});
  #insecure = new InsecureRegistries([]);
  #certsDirs: readonly string[] = [defaultCertsDir];
  /** Plain HTTP worked for these hosts: TLS is not tried again. */
  readonly #plain = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.configure(options);
  }

  /** Throws `invalidArgument`, and changes nothing, when a mirror or a registry is not valid. */
  configure(options: RegistryOptions): void {
    const mirrors = new Mirrors(mirrorsByKey(options));
    const insecure = new InsecureRegistries(options.insecureRegistries ?? []);
    this.#mirrors = mirrors;
    this.#insecure = insecure;
    this.#certsDirs = [...(options.certsDir ? [options.certsDir] : []), defaultCertsDir];
    this.#plain.clear();
  }

  /** Whether plain HTTP and unknown certificates are allowed for the registry at `host`. */
  isInsecure(host: string): Promise<boolean> {
    return this.#insecure.has(host);
  }

  /** Where to ask for a repository, in order: mirrors first (not for a push), then the registry itself. */
  async places(reference: Pick<Reference, "domain" | "path">, purpose: "pull" | "push"): Promise<Place[]> {
    const mirrors = purpose === "pull" ? this.#mirrors.of(reference) : [];
    const copies = mirrors.map(async ({ url, repository }) => ({
      endpoint: await this.#at(url, true),
      repository,
    }));
    const own = this.endpoints(reference.domain);
    const [first, last] = await Promise.all([Promise.all(copies), own]);
    return [...first, ...last.map((endpoint) => ({ endpoint, repository: reference.path }))];
  }

  /** Where the registry itself is, in order. */
  async endpoints(domain: string): Promise<Endpoint[]> {
    if (domain === defaultDomain) return [await this.#at(new URL(hubEndpoint), false)];
    return this.#own(domain);
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
    const own = await this.#certificates(url.host);
    const tls: TlsOptions = { ...own };
    if (await this.#insecure.has(url.host)) tls.rejectUnauthorized = false;
    return { url, mirror, tls: Object.keys(tls).length > 0 ? tls : undefined };
  }

  async #certificates(host: string): Promise<TlsOptions | undefined> {
    for (const folder of this.#certsDirs) {
      const found = await readCertificates(folder, host);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Remembers that `endpoint` answered. */
  confirm(endpoint: Endpoint): void {
    if (endpoint.url.protocol === "http:") this.#plain.add(endpoint.url.host);
    else this.#plain.delete(endpoint.url.host);
  }
}

function mirrorsByKey({ mirrors = [], registryMirrors = {} }: RegistryOptions): MirrorSettings {
  const hub = [...mirrors.map(validateMirror), ...(registryMirrors[defaultDomain] ?? [])];
  return hub.length === 0 ? registryMirrors : { ...registryMirrors, [defaultDomain]: hub };
}
