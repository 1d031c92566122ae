import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "./config.ts";
import { engineSettings } from "./settings.ts";

const folder = mkdtempSync(join(realpathSync(tmpdir()), "longshore-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the roots have no symbolic links in them, as the kernel names mounts, whether they are there or not", () => {
  mkdirSync(join(folder, "run/there"), { recursive: true });
  symlinkSync("run", join(folder, "var-run"));
  const of = (name: string) => {
    const { config } = loadConfig([
      `--data-root=${folder}/var-run/${name}`,
      `--exec-root=${folder}/var-run/${name}`,
    ]);
    const { dataRoot, execRoot } = engineSettings(config);
    return [dataRoot, execRoot];
  };
  expect(of("there")).toEqual([`${folder}/run/there`, `${folder}/run/there`]);
  expect(of("not/yet")).toEqual([`${folder}/run/not/yet`, `${folder}/run/not/yet`]);
});
