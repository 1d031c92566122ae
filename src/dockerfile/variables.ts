import { formatPlatform, hostPlatform, type Platform } from "../oci/platform.ts";
import type { Expanded } from "./expand.ts";
import { Expander } from "./expand.ts";

/** ARGs that a Dockerfile need not declare: proxies, which are in no history and no cache key. */
export const proxyArgs: ReadonlySet<string> = new Set(
  ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** ARGs that speak to the builder itself, and are of no use to a step. */
const builderArgs = /^(BUILDKIT_|SOURCE_DATE_EPOCH$)/;

/** True for a `--build-arg` that need not be declared. */
export function isPredefined(name: string): boolean {
  return proxyArgs.has(name) || builderArgs.test(name) || platformNames.has(name);
}

const platformNames = new Set(
  ["TARGET", "BUILD"].flatMap((prefix) =>
    ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"].map((name) => prefix + name),
  ),
).add("TARGETSTAGE");

/** True for `TARGETPLATFORM` and its kin. */
export const isPlatformArg = (name: string): boolean => platformNames.has(name);

/** `TARGETPLATFORM` and its kin (Dockerfile reference, "Automatic platform ARGs in the global scope"). */
export function platformArgs(target: Platform, stage: string): Map<string, string> {
  const args = new Map<string, string>();
  for (const [prefix, platform] of [
    ["BUILD", hostPlatform()],
    ["TARGET", target],
  ] as const) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform));
    args.set(`${prefix}OS`, platform.os);
    args.set(`${prefix}OSVERSION`, platform["os.version"] ?? "");
    args.set(`${prefix}ARCH`, platform.architecture);
    args.set(`${prefix}VARIANT`, platform.variant ?? "");
  }
  return args.set("TARGETSTAGE", stage || "default");
}

/** `name=value` pairs, the last one of a name counting, in the order in which the names came first. */
export class Environment {
  readonly #values = new Map<string, string>();

  constructor(pairs: Iterable<string> = []) {
    for (const pair of pairs) {
      const equals = pair.indexOf("=");
      this.set(equals < 0 ? pair : pair.slice(0, equals), equals < 0 ? "" : pair.slice(equals + 1));
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  values(): Map<string, string> {
    return new Map(this.#values);
  }

  pairs(): string[] {
    return [...this.#values].map(([name, value]) => `${name}=${value}`);
  }
}

const hereDocument = new Expander("\\");

/** Replaces variables; the names of those without a value are collected for the build checks. */
export class Words {
  readonly #expander: Expander;
  readonly #variables: (name: string) => string | undefined;
  readonly #onUnset: (name: string) => void;

  constructor(
    escapeToken: string,
    variables: (name: string) => string | undefined,
    onUnset: (name: string) => void = () => {},
  ) {
    this.#expander = new Expander(escapeToken);
    this.#variables = variables;
    this.#onUnset = onUnset;
  }

  word(text: string): string {
    return this.#told(this.#expander.word(text, this.#variables));
  }

  words(text: string): string[] {
    return this.#told(this.#expander.words(text, this.#variables));
  }

  /** The text of a here-document: quotes stay, and the escape is a backslash, whatever the directive says. */
  text(text: string): string {
    return this.#told(hereDocument.word(text, this.#variables, { keepQuotes: true }));
  }

  #told<T>({ value, unset }: Expanded<T>): T {
    for (const name of unset) this.#onUnset(name);
    return value;
  }
}
