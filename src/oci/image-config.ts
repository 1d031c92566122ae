import { invalidArgument } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { compact, Fields, type JsonObject, parseJsonObject } from "./json.ts";
import type { Platform } from "./platform.ts";

/** How a container's health is checked; times in nanoseconds. */
export interface HealthcheckConfig {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

/** What a container of the image does when nobody says otherwise: OCI's fields, and those that Docker adds. */
export interface ImageRunConfig {
  User?: string;
  /** Keys like `80/tcp`. */
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  StopTimeout?: number;
  ArgsEscaped?: boolean;
  Healthcheck?: HealthcheckConfig;
  OnBuild?: string[];
  Shell?: string[];
}

export interface HistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  /** True when this step made no layer. */
  empty_layer?: boolean;
}

/** The configuration of an image (OCI image-spec, config.md). */
export interface ImageConfig extends Platform {
  /** RFC 3339. */
  created?: string;
  author?: string;
  docker_version?: string;
  config?: ImageRunConfig;
  rootfs: { type: "layers"; diff_ids: Digest[] };
  history?: HistoryEntry[];
  /** What a builder may know of the steps (BuildKit's inline cache), base64; for those who write it. */
  "moby.buildkit.cache.v0"?: string;
}

/** The most bytes that a configuration may have. */
export const maxImageConfigSize = 8 * 1024 * 1024;
const maxHistory = 10_000;

/** Parses an image's configuration, of at most `maxImageConfigSize` bytes. Throws `invalidArgument`. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const fields = new Fields(parseJsonObject(bytes, "image config", maxImageConfigSize), "image config");
  const config = fields.object("config");
  return compact<ImageConfig>({
    created: fields.string("created"),
    author: fields.string("author"),
    docker_version: fields.string("docker_version"),
    architecture: fields.string("architecture") ?? "",
    os: fields.string("os") ?? "",
    variant: fields.string("variant"),
    "os.version": fields.string("os.version"),
    "os.features": fields.strings("os.features"),
    config: config === undefined ? undefined : toRunConfig(new Fields(config, "image config")),
    rootfs: toRootfs(fields.object("rootfs")),
    history: fields.objects("history", maxHistory)?.map(toHistory),
  });
}

function toRootfs(object: JsonObject | undefined): ImageConfig["rootfs"] {
  if (object === undefined) throw invalidArgument("invalid image config: rootfs is not there");
  const fields = new Fields(object, "image config");
  const type = fields.string("type") ?? "layers";
  if (type !== "layers") throw invalidArgument(`invalid image config: rootfs type ${type}`);
  return { type, diff_ids: (fields.strings("diff_ids") ?? []).map(parseDigest) };
}

function toHistory(object: JsonObject): HistoryEntry {
  const fields = new Fields(object, "image config");
  return compact<HistoryEntry>({
    created: fields.string("created"),
    created_by: fields.string("created_by"),
    author: fields.string("author"),
    comment: fields.string("comment"),
    empty_layer: fields.boolean("empty_layer"),
  });
}

function toRunConfig(fields: Fields): ImageRunConfig {
  const health = fields.object("Healthcheck");
  return compact<ImageRunConfig>({
    User: fields.string("User"),
    ExposedPorts: emptyObjects(fields.keySet("ExposedPorts")),
    Env: fields.strings("Env"),
    Entrypoint: fields.strings("Entrypoint"),
    Cmd: fields.strings("Cmd"),
    Volumes: emptyObjects(fields.keySet("Volumes")),
    WorkingDir: fields.string("WorkingDir"),
    Labels: fields.stringMap("Labels"),
    StopSignal: fields.string("StopSignal"),
    StopTimeout: fields.integer("StopTimeout"),
    ArgsEscaped: fields.boolean("ArgsEscaped"),
    Healthcheck: health === undefined ? undefined : toHealthcheck(new Fields(health, "image config")),
    OnBuild: fields.strings("OnBuild"),
    Shell: fields.strings("Shell"),
  });
}

function toHealthcheck(fields: Fields): HealthcheckConfig {
  return compact<HealthcheckConfig>({
    Test: fields.strings("Test"),
    Interval: fields.integer("Interval"),
    Timeout: fields.integer("Timeout"),
    Retries: fields.integer("Retries"),
    StartPeriod: fields.integer("StartPeriod"),
    StartInterval: fields.integer("StartInterval"),
  });
}

function emptyObjects(keys: string[] | undefined): Record<string, Record<string, never>> | undefined {
  return keys === undefined ? undefined : Object.fromEntries(keys.map((key) => [key, {}]));
}

/** The platform that the configuration names. */
export function platformOf(config: ImageConfig): Platform {
  return compact<Platform>({
    os: config.os || "linux",
    architecture: config.architecture,
    variant: config.variant,
    "os.version": config["os.version"],
    "os.features": config["os.features"],
  });
}
