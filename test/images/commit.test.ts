import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { changesOf } from "../../src/archive/changes.ts";
import { systemClock } from "../../src/base/clock.ts";
import { commitImage } from "../../src/images/commit.ts";
import { unmount } from "../../src/linux/mount.ts";
import { mountOverlay } from "../../src/linux/overlay.ts";
import { setXattr } from "../../src/linux/xattr.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { file, Stores, tarOf } from "./stores.ts";

/** All that can be seen of a tree. */
function picture(folder: string): string {
  const listing = execFileSync("find", [".", "-mindepth", "1", "-printf", "%p %M %U:%G %y %n %l\\n"], {
    cwd: folder,
  });
  return listing.toString().split("\n").sort().join("\n");
}

test("a container's changes, committed, are seen by a container of the new image", async () => {
  await using stores = new Stores();
  const target = stores.image([
    tarOf(
      { name: "etc/", type: "directory" },
      file("etc/passwd", "root"),
      file("etc/removed", "x"),
      { name: "old/", type: "directory" },
      file("old/hidden", "x"),
      { name: "tree/sub/", type: "directory" },
    ),
  ]);
  stores.images.put(target, parseReference("base:1"));
  const base = stores.images.resolve("base:1");
  await stores.images.ensureUnpacked(base);
  const at = (name: string) => join(stores.root, name);
  for (const name of ["upper", "work", "merged", "second"]) mkdirSync(at(name));
  const lower = base.layers.map((layer) => stores.layers.path(layer)).toReversed();
  mountOverlay({ target: at("merged"), lower, upper: { directory: at("upper"), work: at("work") } });
  try {
    const inside = (name: string) => join(at("merged"), name);
    rmSync(inside("etc/removed"));
    rmSync(inside("old"), { recursive: true });
    mkdirSync(inside("old"));
    writeFileSync(inside("old/new"), "new");
    writeFileSync(inside("etc/passwd"), "changed");
    chmodSync(inside("tree/sub"), 0o1777);
    writeFileSync(inside("tree/one"), "linked");
    linkSync(inside("tree/one"), inside("tree/two"));
    symlinkSync("/nowhere", inside("dangling"));
    setXattr(inside("tree/one"), "user.bytes", Uint8Array.from([0, 255, 10]));
    expect(changesOf(at("upper"), lower).map(({ kind, path }) => `${"CAD"[kind]} ${path}`)).toEqual([
      "A /dangling",
      "C /etc",
      "C /etc/passwd",
      "D /etc/removed",
      "C /old",
      "A /old/new",
      "C /tree",
      "A /tree/one",
      "C /tree/sub",
      "A /tree/two",
    ]);
    const id = await commitImage(
      { ...stores, clock: systemClock },
      {
        base,
        upper: at("upper"),
        config: { Cmd: ["x"] },
        reference: parseReference("made:1"),
        comment: "changed",
      },
    );
    const made = stores.images.resolve("made:1");
    expect(made.id).toBe(id);
    expect(made.config.config).toEqual({ Cmd: ["x"] });
    expect(stores.images.history("made:1")[0]).toMatchObject({ id, comment: "changed" });
    mountOverlay({
      target: at("second"),
      lower: made.layers.map((layer) => stores.layers.path(layer)).toReversed(),
    });
    expect(picture(at("second"))).toBe(picture(at("merged")));
    expect(readdirSync(join(at("second"), "old"))).toEqual(["new"]);
    expect(readFileSync(join(at("second"), "etc/passwd"), "utf8")).toBe("changed");
    expect(lstatSync(join(at("second"), "tree/two")).nlink).toBe(2);
  } finally {
    for (const name of ["second", "merged"]) unmount(at(name), { detach: true });
  }
});
