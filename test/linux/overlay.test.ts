import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindMount, unmount } from "../../src/linux/mount.ts";
import { isMountPoint, mountsBelow } from "../../src/linux/mountinfo.ts";
import { mountOverlay, mountOverlayWithOptions } from "../../src/linux/overlay.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "longshore-overlay-"));
});

afterEach(() => {
  for (const target of mountsBelow(directory)) unmount(target, { detach: true });
  rmSync(directory, { recursive: true });
});

const make = (name: string) => {
  mkdirSync(join(directory, name));
  return join(directory, name);
};

/** Layers with names that need escaping in an option string, the topmost first; each has a file of its own. */
function layers(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const layer = make(`a layer: number ${at}, of "${count}"`);
    writeFileSync(join(layer, "top"), `layer ${at}`);
    writeFileSync(join(layer, `only-${at}`), "");
    return layer;
  });
}

test.each([
  ["the mount API", mountOverlay, 300],
  ["mount(2)", mountOverlayWithOptions, 150],
] as const)("%s mounts many layers in their order, whatever their names", (_, mountWith, count) => {
  const target = make("merged");
  const upper = { directory: make("upper, with: signs"), work: make("work") };
  mountWith({ target, lower: layers(count), upper, options: ["index=off"] });
  expect(readFileSync(join(target, "top"), "utf8")).toBe("layer 0");
  expect(readdirSync(target).length).toBe(count + 1);
  writeFileSync(join(target, "top"), "changed");
  expect(readFileSync(join(upper.directory, "top"), "utf8")).toBe("changed");
  expect(unmount(target)).toBe(true);
  expect(unmount(target)).toBe(false);
  expect(isMountPoint(target)).toBe(false);
});

test("without an upper directory nothing can be written", () => {
  const target = make("merged");
  mountOverlay({ target, lower: layers(2) });
  expect(() => writeFileSync(join(target, "top"), "")).toThrow("EROFS");
});

test("a layer that is there several times counts once, where it is on top", () => {
  const target = make("merged");
  const [top = "", below = ""] = layers(2);
  mountOverlay({ target, lower: [top, below, top, below] });
  expect(readFileSync(join(target, "top"), "utf8")).toBe("layer 0");
});

test("a layer that is missing is an error that names it, and nothing is mounted", () => {
  const target = make("merged");
  expect(() => mountOverlay({ target, lower: [join(directory, "gone"), ...layers(1)] })).toThrow("gone");
  expect(isMountPoint(target)).toBe(false);
});

test("a read-only bind shows the same files, and refuses changes", () => {
  const source = make("source");
  const target = make("target");
  writeFileSync(join(source, "file"), "content");
  bindMount(source, target, { readOnly: true });
  expect(readFileSync(join(target, "file"), "utf8")).toBe("content");
  expect(() => writeFileSync(join(target, "file"), "")).toThrow("EROFS");
  writeFileSync(join(source, "file"), "changed");
  expect(readFileSync(join(target, "file"), "utf8")).toBe("changed");
});
