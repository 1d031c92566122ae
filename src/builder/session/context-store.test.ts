import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskWorkers } from "../../archive/disk-workers.ts";
import { silentLogger } from "../../base/log.ts";
import { Trash } from "../../images/trash.ts";
import { ContextStore } from "./context-store.ts";

let dataRoot: string;
let workers: DiskWorkers;
beforeEach(() => {
  dataRoot = mkdtempSync(join(tmpdir(), "longshore-contexts-"));
  workers = new DiskWorkers(1);
});
afterEach(() => {
  workers[Symbol.dispose]();
  rmSync(dataRoot, { recursive: true });
});

const open = (bootId: string) =>
  new ContextStore({ dataRoot, trash: new Trash(dataRoot, workers), bootId, log: silentLogger });

/** A build that receives one file. */
function receive(store: ContextStore): { id: string; wasKnown: boolean; files: string[] } {
  using context = store.take(["client", "folder"], { keep: true });
  const files = readdirSync(context.directory);
  writeFileSync(join(context.directory, "file"), "content");
  const wasKnown = context.known !== undefined;
  if (!wasKnown) context.keep(context.begin());
  return { id: context.id, wasKnown, files };
}

test("a context is kept from build to build, and over restarts of the daemon", () => {
  const first = receive(open("boot-1"));
  expect(first).toMatchObject({ wasKnown: false, files: [] });
  expect(receive(open("boot-1"))).toEqual({ id: first.id, wasKnown: true, files: ["file"] });
});

test("one of before a reboot, or whose identity is lost, is received anew", () => {
  const first = receive(open("boot-1"));
  const second = receive(open("boot-2"));
  expect(second).toMatchObject({ wasKnown: false, files: [] });
  expect(second.id).not.toBe(first.id);
  const store = open("boot-2");
  rmSync(join(store.folder, store.list()[0] ?? "", "id"));
  expect(receive(store)).toMatchObject({ wasKnown: false, files: [] });
  expect(existsSync(join(store.folder, store.list()[0] ?? "", "id"))).toBe(true);
});
