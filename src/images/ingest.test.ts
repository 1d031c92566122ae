import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arrival } from "../archive/arrival.ts";
import { sha256Of } from "../oci/digester.ts";
import { Ingest } from "./ingest.ts";

const folder = mkdtempSync(join(tmpdir(), "longshore-ingest-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = Buffer.from("a layer");
const ingestOf = (name: string, content: Uint8Array) =>
  new Ingest(
    { digest: sha256Of(content), size: content.length },
    join(folder, name),
    new AbortController().signal,
    () => {},
  );
const readable = (ingest: Ingest) => new Arrival(ingest.arrival()).waitBeyond(bytes.length);

test("who asks when all has come waits for nothing more", async () => {
  await using ingest = ingestOf("whole", bytes);
  await ingest.open();
  await ingest.write(bytes);
  await ingest.finish();
  expect(readable(ingest)).toBe(bytes.length);
});

test("who asks when it was given up is told", async () => {
  const ingest = ingestOf("cut", Buffer.concat([bytes, bytes]));
  await ingest.open();
  await ingest.write(bytes);
  await ingest[Symbol.asyncDispose]();
  expect(() => readable(ingest)).toThrow("context canceled");
});

test("who asks when the bytes were wrong is told", async () => {
  const ingest = ingestOf("wrong", Buffer.from("others!"));
  await ingest.open();
  await ingest.write(bytes);
  await expect(ingest.finish()).rejects.toThrow("does not have its digest");
  await ingest[Symbol.asyncDispose]();
  expect(() => readable(ingest)).toThrow("context canceled");
});
