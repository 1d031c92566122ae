import { expect, test } from "bun:test";
import { dirname, join, normalize, relative } from "node:path";
import { Glob } from "bun";
import { mayImport } from "../../src/base/layers.ts";

const source = join(import.meta.dir, "../../src");
const importPattern = /(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g;

async function violations(): Promise<string[]> {
  const found: string[] = [];
  for await (const file of new Glob("**/*.ts").scan(source)) {
    const folder = file.split("/")[0] ?? "";
    const allowed = mayImport[folder];
    if (!allowed) {
      found.push(`src/${file}: no folder '${folder}' in src/base/layers.ts`);
      continue;
    }
    const text = await Bun.file(join(source, file)).text();
    for (const [, path = ""] of text.matchAll(importPattern)) {
      const target = relative(".", normalize(join(dirname(file), path)));
      const other = target.split("/")[0] ?? "";
      if (other === folder || other === ".." || allowed.includes(other)) continue;
      found.push(
        `src/${file} imports src/${target}: ${folder}/ may import ${allowed.join(", ") || "nothing"}`,
      );
    }
  }
  return found;
}

test("lower layers never import higher ones", async () => {
  expect(await violations()).toEqual([]);
});
