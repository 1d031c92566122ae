import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseName, openRoots } from "./data-root.ts";

test("a real Docker's data root is refused, our own and a new one are not", () => {
  const root = mkdtempSync(join(tmpdir(), "longshore-roots-"));
  const open = (name: string) => openRoots(join(root, name), join(root, "exec"));
  open("new");
  mkdirSync(join(root, "docker/image"), { recursive: true });
  expect(() => open("docker")).toThrow("is the data root of another engine (it holds image)");
  mkdirSync(join(root, "ours/image"), { recursive: true });
  writeFileSync(join(root, "ours", databaseName), "");
  open("ours");
  rmSync(root, { recursive: true });
});
