import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arrival } from "../../src/archive/arrival.ts";
import { DiskWorkers } from "../../src/archive/disk-workers.ts";
import { Trash } from "../../src/images/trash.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { file, Stores, tarOf } from "./stores.ts";

test("several who empty the trash at once do not trip over each other", async () => {
  const root = mkdtempSync(join(tmpdir(), "longshore-trash-"));
  using workers = new DiskWorkers(4);
  const trash = new Trash(root, workers);
  try {
    for (let tree = 0; tree < 4; tree++) {
      const path = join(root, `tree${tree}`);
      for (let at = 0; at < 300; at++) {
        mkdirSync(join(path, `d${at}`), { recursive: true });
        writeFileSync(join(path, `d${at}`, "f"), "");
      }
      trash.take(path);
    }
    await Promise.all([trash.empty(), trash.empty(), trash.empty()]);
    expect(readdirSync(join(root, "trash"))).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("the removal of an image is answered before all its files are deleted", async () => {
  await using stores = new Stores();
  stores.images.put(stores.image([tarOf(file("a", "x"))]), parseReference("app:1"));
  // All threads read something that does not come, so that nobody can delete.
  const arrival = new Arrival();
  const directory = mkdtempSync(join(stores.root, "reading-"));
  const sources = [join(stores.root, "longshore.db")];
  const options = { whiteouts: "plain", devices: false } as const;
  const reading = [1, 2].map(() =>
    stores.workers.run("unpack", { sources, arrival: arrival.shared, directory, options }),
  );
  const over = Promise.allSettled(reading);
  const trash = join(stores.root, "trash");
  try {
    const items = await stores.images.remove("app:1");
    expect(items.map((item) => Object.keys(item)[0])).toEqual(["Untagged", "Deleted"]);
    expect(stores.blobs.list()).toEqual([]);
    expect(readdirSync(trash)).not.toEqual([]);
  } finally {
    arrival.abort();
    await over;
  }
  await stores.images.collect();
  expect(readdirSync(trash)).toEqual([]);
});
