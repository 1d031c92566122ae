import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskWorkers } from "../../src/archive/disk-workers.ts";
import { Trash } from "../../src/images/trash.ts";

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
