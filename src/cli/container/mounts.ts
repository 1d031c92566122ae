import type { Mount } from "../../api/containers.ts";
import { parseCsvRecord } from "../../base/csv.ts";
import { invalidArgument } from "../../base/errors.ts";
import { keyValue } from "../../base/key-value.ts";
import { parseSize } from "./flag-types.ts";

const truths: Record<string, boolean> = { 1: true, t: true, true: true, 0: false, f: false, false: false };

function bool(key: string, text: string): boolean {
  const value = truths[text] ?? truths[text === text.toUpperCase() ? text.toLowerCase() : ""];
  if (value === undefined) throw new Error(`invalid value for ${key}: ${text}`);
  return value;
}

/** Only paths that begin with a dot come here: others do not pay for loading it. */
const absolute = (path: string) => (require("node:path") as typeof import("node:path")).resolve(path);

type Settings = { -readonly [K in keyof Mount]: Mount[K] };

/** The Go client sends an empty driver along with any option of a volume. */
const volumeOptions = (mount: Settings) => ({ DriverConfig: {}, ...mount.VolumeOptions });

const ownerWords = (mount: Settings, word: string) => (mount.IDMap ? `${mount.IDMap},${word}` : word);

const recursion: Record<string, NonNullable<Mount["BindOptions"]>> = {
  enabled: {},
  disabled: { NonRecursive: true },
  writable: { ReadOnlyNonRecursive: true },
  readonly: { ReadOnlyForceRecursive: true },
};

/** Each key of `--mount`, and what it sets. */
const keys: Record<string, (mount: Settings, value: string, key: string) => void> = {
  type: (mount, value) => {
    mount.Type = value.toLowerCase() as Exclude<Mount["Type"], undefined>;
  },
  source: (mount, value) => {
    mount.Source = value === "." || value.startsWith("./") ? absolute(value) : value;
  },
  target: (mount, value) => {
    mount.Target = value;
  },
  readonly: (mount, value, key) => {
    mount.ReadOnly = bool(key, value);
  },
  consistency: (mount, value) => {
    mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": (mount, value) => {
    const Propagation = value.toLowerCase() as NonNullable<NonNullable<Mount["BindOptions"]>["Propagation"]>;
    mount.BindOptions = { ...mount.BindOptions, Propagation };
  },
  "bind-nonrecursive": (mount, value, key) => {
    mount.BindOptions = { ...mount.BindOptions, NonRecursive: bool(key, value) };
  },
  "bind-create-src": (mount, value, key) => {
    mount.BindOptions = { ...mount.BindOptions, CreateMountpoint: bool(key, value) };
  },
  // These three are ours: who owns on the host what the container's root owns.
  idmap: (mount, value, key) => {
    if (bool(key, value)) mount.IDMap = ownerWords(mount, "idmap");
  },
  uid: (mount, value) => {
    mount.IDMap = ownerWords(mount, `uid=${value}`);
  },
  gid: (mount, value) => {
    mount.IDMap = ownerWords(mount, `gid=${value}`);
  },
  "bind-recursive": (mount, value, key) => {
    const options = recursion[value];
    if (!options) {
      throw new Error(
        `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
    }
    if (value !== "enabled") mount.BindOptions = { ...mount.BindOptions, ...options };
  },
  "volume-subpath": (mount, value) => {
    mount.VolumeOptions = { ...volumeOptions(mount), Subpath: value };
  },
  "volume-nocopy": (mount, value, key) => {
    mount.VolumeOptions = { ...volumeOptions(mount), NoCopy: bool(key, value) };
  },
  "volume-label": (mount, value) => {
    const [name, text] = keyValue(value);
    const options = volumeOptions(mount);
    mount.VolumeOptions = { ...options, Labels: { ...options.Labels, [name]: text } };
  },
  "volume-driver": (mount, value) => {
    const DriverConfig = { ...mount.VolumeOptions?.DriverConfig, Name: value };
    mount.VolumeOptions = { ...mount.VolumeOptions, DriverConfig };
  },
  "volume-opt": (mount, value) => {
    const [name, text] = keyValue(value);
    const driver = mount.VolumeOptions?.DriverConfig;
    const DriverConfig = { ...driver, Options: { ...driver?.Options, [name]: text } };
    mount.VolumeOptions = { ...mount.VolumeOptions, DriverConfig };
  },
  "image-subpath": (mount, value) => {
    mount.ImageOptions = { Subpath: value };
  },
  "tmpfs-size": (mount, value, key) => {
    try {
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseSize(value) };
    } catch {
      // The Go client does not say why a size is wrong here.
      throw new Error(`invalid value for ${key}: ${value}`);
    }
  },
  "tmpfs-mode": (mount, value, key) => {
    if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
    mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
  },
};
const synonyms: Record<string, string> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};

/** One `--mount type=bind,source=/a,target=/b,readonly`. Throws with the Go client's texts. */
export function parseMountFlag(text: string): Mount {
  const value = text.trim();
  if (value === "") throw new Error("EOF");
  const mount: Settings = { Type: "volume" };
  for (const field of parseCsvRecord(value)) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const known = synonyms[key] ?? key;
    if (
      equals < 0 &&
      !["readonly", "volume-nocopy", "bind-nonrecursive", "bind-create-src", "idmap"].includes(known)
    ) {
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    }
    const set = Object.hasOwn(keys, known) ? keys[known] : undefined;
    if (!set) throw new Error(`unexpected key '${key}' in '${field}'`);
    set(mount, equals < 0 ? "true" : field.slice(equals + 1), key);
  }
  checkMount(mount);
  return mount;
}

function checkMount(mount: Settings): void {
  const type = mount.Type;
  if (!type) throw new Error("type is required");
  if (!mount.Target) throw new Error("target is required");
  const mixes = (family: string) => new Error(`cannot mix '${family}-*' options with mount type '${type}'`);
  if (mount.VolumeOptions && type !== "volume") throw mixes("volume");
  if (mount.BindOptions && type !== "bind") throw mixes("bind");
  if (mount.ImageOptions && type !== "image") throw mixes("image");
  if (mount.TmpfsOptions && type !== "tmpfs") throw mixes("tmpfs");
  const needs = (option: string, other: string) =>
    new Error(`option 'bind-recursive=${option}' requires '${other}' to be specified in conjunction`);
  if (mount.BindOptions?.ReadOnlyNonRecursive && !mount.ReadOnly) throw needs("writable", "readonly");
  if (mount.BindOptions?.ReadOnlyForceRecursive) {
    if (!mount.ReadOnly) throw needs("readonly", "readonly");
    if (mount.BindOptions.Propagation !== "rprivate") throw needs("readonly", "bind-propagation=rprivate");
  }
}

/** The sections of a `-v`, between colons; a letter and a colon (`C:`) are one, as on Windows. */
function volumeSections(text: string): string[] {
  const sections: string[] = [];
  let section = "";
  for (const char of text) {
    if (char !== ":" || /^[a-zA-Z]$/.test(section)) {
      section += char;
      continue;
    }
    sections.push(section);
    section = "";
  }
  return [...sections, section];
}

/** One `-v`: a bind for the daemon, or, where no source is named, the path of an anonymous volume. */
export function parseVolumeFlag(text: string): { readonly bind?: string; readonly anonymous?: string } {
  if (text === "") throw invalidArgument("invalid empty volume spec");
  if (text.length <= 2) return { anonymous: text };
  const sections = volumeSections(text);
  if (sections.includes("")) throw invalidArgument(`invalid spec: ${text}: empty section between colons`);
  if (sections.length > 3) throw invalidArgument(`invalid spec: ${text}: too many colons`);
  if (sections.length === 1) return { anonymous: text };
  if (!text.startsWith(".")) return { bind: text };
  // A path that begins with a dot is taken from this process's folder; the daemon has another.
  const [source = ""] = text.split(":", 1);
  return { bind: absolute(source) + text.slice(source.length) };
}
