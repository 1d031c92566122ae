import { invalidArgument } from "../base/errors.ts";

/** What an image runs on, in Go's words: `linux`, `amd64`, `v8` (OCI image-spec, image-index.md). */
export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  "os.version"?: string;
  "os.features"?: string[];
}

const knownOs = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasi windows".split(
    " ",
  ),
);
const knownArchitectures = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
const component = /^[A-Za-z0-9_.-]+$/;

/** Go's names of what `uname` and people call an architecture, with its variant. */
function normalise(os: string, architecture: string, variant = ""): Platform {
  let arch = architecture.toLowerCase();
  let kind = variant.toLowerCase();
  if (arch === "i386") arch = "386";
  if (arch === "x86_64" || arch === "x86-64") arch = "amd64";
  if (arch === "aarch64") arch = "arm64";
  if (arch === "armhf") [arch, kind] = ["arm", "v7"];
  if (arch === "armel") [arch, kind] = ["arm", "v6"];
  if (arch === "amd64" && kind === "v1") kind = "";
  if (arch === "arm64" && (kind === "8" || kind === "v8")) kind = "";
  if (arch === "arm" && kind === "") kind = "v7";
  if (arch === "arm" && /^[5-8]$/.test(kind)) kind = `v${kind}`;
  const name = os.toLowerCase() === "macos" ? "darwin" : os.toLowerCase();
  return kind === "" ? { os: name, architecture: arch } : { os: name, architecture: arch, variant: kind };
}

/**
 * Parses what `--platform` takes: `linux/arm64`, `linux/arm/v7`, `arm64` (the host's system), `linux` (the host's
 * architecture). Throws `invalidArgument` in containerd's words.
 */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const parts = text.split("/");
  for (const part of parts) {
    if (!component.test(part)) {
      throw invalidArgument(
        `"${part}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
      );
    }
  }
  const [first = "", second, third] = parts;
  if (parts.length > 3) {
    throw invalidArgument(`"${text}": cannot parse platform specifier: invalid argument`);
  }
  if (second !== undefined) return normalise(first, second, third);
  const alone = normalise(first, host.architecture, host.variant);
  if (knownOs.has(alone.os)) return alone;
  const architecture = normalise(host.os, first);
  if (knownArchitectures.has(architecture.architecture)) return architecture;
  throw invalidArgument(`"${text}": unknown operating system or architecture: invalid argument`);
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const variant = platform.variant ? `/${platform.variant}` : "";
  return `${platform.os}/${platform.architecture}${variant}`;
}

const nodeArchitectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", arm: "arm" };

/** What this process runs on. */
export function hostPlatform(): Platform {
  return normalise(process.platform, nodeArchitectures[process.arch] ?? process.arch);
}

/**
 * How well something built for `offered` runs where `wanted` is asked for: 0 is exact, more is worse, undefined is not
 * at all. An older variant of arm runs on a newer one, 32-bit arm on arm64 and 386 on amd64 only as the last choice
 * (the order of containerd's `platforms.Only`).
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  const want = normalise(wanted.os, wanted.architecture, wanted.variant);
  const offer = normalise(offered.os, offered.architecture, offered.variant);
  if (want.os !== offer.os) return undefined;
  if (want.architecture === offer.architecture) return variantDistance(want, offer);
  if (want.architecture === "arm64" && offer.architecture === "arm") return 100 + 8 - variantNumber(offer, 7);
  if (want.architecture === "amd64" && offer.architecture === "386") return 100;
  return undefined;
}

function variantNumber(platform: Platform, unset: number): number {
  const match = /^v(\d+)/.exec(platform.variant ?? "");
  return match ? Number(match[1]) : unset;
}

const baseVariants: Readonly<Record<string, number>> = { amd64: 1, arm64: 8, arm: 7 };

function variantDistance(want: Platform, offer: Platform): number | undefined {
  if ((want.variant ?? "") === (offer.variant ?? "")) return 0;
  const base = baseVariants[want.architecture];
  if (base === undefined) return undefined;
  const distance = variantNumber(want, base) - variantNumber(offer, base);
  return distance < 0 ? undefined : distance * 2 + 1;
}

/**
 * The entry of an index that fits `wanted` best; the first of those that fit equally well. Entries that are not images
 * (`unknown/unknown`, as buildx marks its attestations) never fit. An entry without a platform fits anything, last.
 */
export function selectPlatform<T extends { platform?: Platform }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  let best: T | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const distance = entry.platform === undefined ? 1000 : platformDistance(wanted, entry.platform);
    if (distance !== undefined && distance < least) [best, least] = [entry, distance];
  }
  return best;
}
