import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { sha256Of } from "../oci/digester.ts";
import { gzipFile } from "./deflate.ts";

test("a file of any size becomes one gzip member with its digest, the same each time", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-gzip-"));
  try {
    for (const size of [0, 1, 1024 * 1024, 3 * 1024 * 1024 + 7]) {
      const content = Buffer.alloc(size, "some text that can be made smaller ");
      // A part that cannot.
      crypto.getRandomValues(content.subarray(0, Math.min(size, 65_536)));
      const path = join(folder, "plain");
      writeFileSync(path, content);
      const [one, two] = [`${path}-${size}-1`, `${path}-${size}-2`];
      const made = gzipFile(path, one, () => false);
      expect(gzipFile(path, two, () => false)).toEqual(made);
      const bytes = readFileSync(one);
      expect([made.digest, made.size]).toEqual([sha256Of(bytes), bytes.length]);
      expect(gunzipSync(bytes).equals(content)).toBe(true);
    }
    expect(() => gzipFile(join(folder, "plain"), join(folder, "stopped"), () => true)).toThrow(
      "context canceled",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
