import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Cleanups } from "../../base/disposables.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import { writeHashed } from "../../images/files.ts";
import { algorithmOf } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { StepContext } from "../step-context.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** Fills a folder of `RUN --mount=type=cache` that is not here from an imported cache. False where none has it. */
export async function importMount(context: StepContext, name: string, directory: string): Promise<boolean> {
  const { deps, options, signal, progress } = context;
  const found = await options.imported?.mount(name);
  if (found === undefined) return false;
  await using temporary = new Cleanups();
  const folder = temporaryFolder(context, temporary);
  const { descriptor, reader } = found;
  const unpacked = join(folder, "files");
  const tar = join(folder, "tar");
  try {
    await save(descriptor, reader.stream(descriptor, signal), tar);
    mkdirSync(unpacked);
    const unpack = { whiteouts: "plain", devices: true } as const;
    await deps.workers.run("extract", { sources: [tar], directory: unpacked, options: unpack }, { signal });
    renameSync(unpacked, directory);
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    const message = `a cache mount cannot be had from the imported cache, it begins empty: ${messageOf(error)}`;
    progress.warn({ rule: "", description: "", url: "", message, line: 0 });
    return false;
  }
}

async function save(
  { digest, size }: Descriptor,
  content: AsyncIterable<Uint8Array>,
  path: string,
): Promise<void> {
  const algorithm = algorithmOf(digest);
  const { hex } = await writeHashed(path, algorithm, upTo(size, content));
  if (`${algorithm}:${hex}` !== digest) throw invalidArgument(`blob does not have its digest: ${digest}`);
}

async function* upTo(size: number, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const piece of content) {
    left -= piece.length;
    if (left < 0) throw invalidArgument(`a blob is larger than its ${size} bytes`);
    yield piece;
  }
}
