import { describe, expect, test } from "bun:test";
import { parseImageConfig } from "./image-config.ts";
import { isIndex, maxManifestSize, parseManifest, parseManifestOrIndex } from "./manifest.ts";
import { mediaTypes } from "./media-types.ts";

const digest = `sha256:${"1".repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 5 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe("parseManifestOrIndex", () => {
  test("reads a manifest and drops what it does not know", () => {
    const parsed = parseManifest(bytes({ ...manifest, extra: 1, annotations: null }), mediaTypes.ociManifest);
    expect(parsed).toEqual({ ...manifest, schemaVersion: 2 } as never);
  });

  test("takes the type from the header when the document has none", () => {
    const { mediaType, ...rest } = manifest;
    expect(parseManifestOrIndex(bytes(rest), `${mediaTypes.ociManifest}; charset=utf-8`).mediaType).toBe(
      mediaType,
    );
    const index = parseManifestOrIndex(bytes({ schemaVersion: 2, manifests: [config] }), "application/json");
    expect(isIndex(index)).toBe(true);
  });

  const bad: [name: string, value: unknown, message: string, type: string | null][] = [
    ["an array", [], "not a JSON object", null],
    ["no layers", { ...manifest, layers: undefined }, "layers is not there", null],
    ["layers of another kind", { ...manifest, layers: {} }, "layers is not a list", null],
    ["a negative size", { ...manifest, config: { ...config, size: -1 } }, "size is not there", null],
    [
      "a size that is no integer",
      { ...manifest, config: { ...config, size: 1e300 } },
      "size is not an integer",
      null,
    ],
    [
      "a digest that is a path",
      { ...manifest, config: { ...config, digest: "sha256:../../etc" } },
      "digest",
      null,
    ],
    ["too many layers", { ...manifest, layers: Array(501).fill(layer) }, "at most 500", null],
    ["another schema", { ...manifest, schemaVersion: 3 }, "schemaVersion", null],
    ["schema 1", { schemaVersion: 1, name: "x" }, "no longer supported", null],
    ["two readings", { ...manifest, manifests: [] }, "layers and manifests", null],
    ["another type than it was sent as", manifest, "was sent as", mediaTypes.ociIndex],
    ["another type of document", { ...manifest, mediaType: "text/plain" }, "unsupported media type", null],
  ];
  test.each(bad)("refuses %s", (_, value, message, type) => {
    expect(() => parseManifestOrIndex(bytes(value), type ?? undefined)).toThrow(message);
  });

  test("refuses what is too large, too deep, or not UTF-8", () => {
    expect(() => parseManifestOrIndex(new Uint8Array(maxManifestSize + 1))).toThrow("more than the limit");
    const deep = new TextEncoder().encode(`{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`);
    expect(() => parseManifestOrIndex(deep)).toThrow("nested too deeply");
    expect(() => parseManifestOrIndex(new Uint8Array([0x7b, 0xff, 0x7d]))).toThrow("invalid manifest");
  });

  test("a name like __proto__ is only data", () => {
    const text = JSON.stringify(manifest).replace(/}$/, ',"annotations":{"__proto__":"x"}}');
    const parsed = parseManifest(new TextEncoder().encode(text));
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });
});

describe("parseImageConfig", () => {
  const full = {
    created: "2026-01-01T00:00:00Z",
    architecture: "arm64",
    os: "linux",
    config: {
      User: "app",
      ExposedPorts: { "80/tcp": {} },
      Env: ["A=b"],
      Entrypoint: null,
      Cmd: ["/x"],
      Volumes: { "/v": {} },
      Healthcheck: { Test: ["CMD", "x"], Interval: 5_000_000_000 },
    },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [{ created_by: "ADD x", empty_layer: true }],
  };

  test("reads what Docker and OCI write", () => {
    const parsed = parseImageConfig(bytes(full));
    const { Entrypoint, ...run } = full.config;
    expect(parsed).toEqual({ ...full, config: run } as never);
    expect("Entrypoint" in (parsed.config ?? {})).toBe(false);
  });

  test.each([
    ["no rootfs", { ...full, rootfs: undefined }, "rootfs"],
    ["a diffId that is no digest", { ...full, rootfs: { type: "layers", diff_ids: ["x"] } }, "digest"],
    ["a command that is a text", { ...full, config: { Cmd: "sh" } }, "Cmd is not a list of strings"],
    ["an environment of numbers", { ...full, config: { Env: [1] } }, "Env is not a list of strings"],
  ])("refuses %s", (_, value, message) => {
    expect(() => parseImageConfig(bytes(value))).toThrow(message);
  });
});
