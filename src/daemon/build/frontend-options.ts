import { booleanOf } from "../../base/booleans.ts";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import type { BuildOptions, BuildResources } from "../../builder/options.ts";
import { hostPlatform, type Platform, parsePlatform } from "../../oci/platform.ts";

/** What BuildKit's `dockerfile.v0` is told, by name: `target`, `build-arg:X`, `label:X`, … */
export type FrontendAttrs = Readonly<Record<string, string>>;

/** The part of the options that the attributes say by themselves. Throws `invalidArgument`, `notImplemented`. */
export type FrontendOptions = Pick<
  BuildOptions,
  | "args"
  | "inlineCache"
  | "labels"
  | "target"
  | "noCache"
  | "noCacheFilter"
  | "pull"
  | "network"
  | "resources"
  | "epoch"
>;

export function frontendOptions(attrs: FrontendAttrs): FrontendOptions {
  const args = new Map(Object.entries(withPrefix(attrs, "build-arg:")));
  const noCache = attrs["no-cache"];
  return {
    args,
    inlineCache: wantsInline(args.get("BUILDKIT_INLINE_CACHE")),
    labels: withPrefix(attrs, "label:"),
    target: attrs.target ?? "",
    noCache: noCache === "",
    noCacheFilter: noCache ? noCache.split(",") : [],
    pull: attrs["image-resolve-mode"] === "pull",
    network: networkOf(attrs["force-network-mode"] ?? ""),
    resources: resourcesOf(attrs),
    epoch: epochOf(args.get("SOURCE_DATE_EPOCH")),
  };
}

/** `--build-arg BUILDKIT_INLINE_CACHE=1`: what is not clearly true is false, as in BuildKit. */
export function wantsInline(text: string | undefined): boolean {
  return booleanOf(text ?? "") ?? false;
}

/** Those attributes whose name begins with `prefix`, without it. */
export function withPrefix(attrs: FrontendAttrs, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attrs).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

/** `linux/amd64,linux/arm64`; the host's where nothing is said. Throws `invalidArgument`. */
export function platformsOf(text: string): Platform[] {
  const platforms = text.split(",").filter((part) => part !== "");
  return platforms.length === 0 ? [hostPlatform()] : platforms.map((one) => parsePlatform(one));
}

function networkOf(mode: string): string {
  if (mode === "" || mode === "default" || mode === "sandbox") return "";
  if (mode === "none" || mode === "host") return mode;
  throw invalidArgument(`network mode "${mode}" not supported by buildkit`);
}

/** The last that RFC 3339 can write: the end of the year 9999. */
const lastSecond = 253_402_300_799;

/** Seconds since 1970. Throws `invalidArgument`. */
export function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= lastSecond)) throw invalidArgument(`invalid SOURCE_DATE_EPOCH: ${text}`);
  return seconds;
}

function resourcesOf(attrs: FrontendAttrs): BuildResources {
  return {
    // BuildKit itself has no limits for steps: only our own client says them.
    memory: intOf(attrs, "memory"),
    memorySwap: intOf(attrs, "memory-swap"),
    cpuShares: intOf(attrs, "cpu-shares"),
    cpuPeriod: intOf(attrs, "cpu-period"),
    cpuQuota: intOf(attrs, "cpu-quota"),
    cpusetCpus: attrs["cpuset-cpus"] ?? "",
    cpusetMems: attrs["cpuset-mems"] ?? "",
    cgroupParent: attrs["cgroup-parent"] ?? "",
    shmSize: intOf(attrs, "shm-size"),
    ulimits: listOf(attrs.ulimit).map(ulimitOf),
    // `name=address`, where the containers' own form has a colon.
    extraHosts: listOf(attrs["add-hosts"]).map((host) => host.replace("=", ":")),
  };
}

const listOf = (text: string | undefined) => (text ?? "").split(",").filter((part) => part !== "");

function intOf(attrs: FrontendAttrs, name: string): number {
  const text = attrs[name] ?? "";
  if (!/^-?\d*$/.test(text)) throw invalidArgument(`invalid ${name}: ${text}`);
  return Number(text);
}

/** `nofile=1024:2048`. */
function ulimitOf(text: string): { Name: string; Soft: number; Hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw invalidArgument(`invalid ulimit argument: ${text}`);
  const [, Name = "", soft = "", hard = soft] = match;
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}

/** The attributes, where `frontend` reads Dockerfiles. Throws `notImplemented` for others. */
export function frontendOf(frontend: string, attrs: FrontendAttrs): FrontendAttrs {
  const isImage = frontend === "gateway.v0";
  const image = attrs.source ?? "";
  if (
    frontend === "dockerfile.v0" ||
    (isImage && /^(docker\.io\/)?docker\/dockerfile(-upstream)?([:@]|$)/.test(image))
  ) {
    return attrs;
  }
  throw notImplemented(`frontend ${isImage ? image : frontend} is not supported: only Dockerfiles are built`);
}
