import { createHash } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { packStream } from "../../archive/pack-stream.ts";
import { invalidArgument } from "../../base/errors.ts";
import { digestSet, statementOf } from "../../builder/attest/statements.ts";
import { sendStream, sendTree } from "../../builder/session/send-files.ts";
import { scratchState } from "../../builder/stage-state.ts";
import { WorkRoot } from "../../builder/work-root.ts";
import type { Engine } from "../../engine/engine.ts";
import { walk } from "../../filesync/walk.ts";
import type { Subject } from "../../oci/attestation.ts";
import { formatPlatform, hostPlatform } from "../../oci/platform.ts";
import { boolOf } from "./bool-attr.ts";
import type { Attested } from "./compose-result.ts";
import type { ExportRequest, Numbered } from "./export.ts";

/** The files of the result, without the image around them, with what is told of them; each platform's in a folder. */
export async function exportFiles(
  engine: Engine,
  request: ExportRequest,
  results: readonly Attested[],
  { Type, Attrs, number }: Numbered,
): Promise<void> {
  const { session, progress, signal } = request;
  const split = Attrs["platform-split"] === undefined ? results.length > 1 : boolOf(Attrs, "platform-split");
  const prefix = Attrs["attestation-prefix"] ?? "";
  const trees: Tree[] = [];
  for (const result of results) {
    const tree = await mounted(engine, request, result);
    const platform = formatPlatform(result.options.platform).replaceAll("/", "_");
    const suffix = results.length > 1 && !split ? `.${platform}` : "";
    await describe(tree, result, { prefix, suffix });
    trees.push({ path: tree, folder: split ? platform : "" });
  }
  const tree = await together(engine, request, trees);
  const [title, line] =
    Type === "tar"
      ? ["exporting to client tarball", "sending tarball"]
      : ["exporting to client directory", "copying files"];
  await progress.task(title, async (vertex) => {
    progress.status(vertex, line, { isDone: false });
    const to = { number, signal };
    if (Type === "tar") await sendStream(session, packStream(engine.packers, { tree }), to);
    else await sendTree(session, tree, to);
    progress.status(vertex, line, { isDone: true });
  });
}

interface Tree {
  path: string;
  /** Where its files go; "" for the top. */
  folder: string;
}

async function mounted(engine: Engine, { owned }: ExportRequest, { built }: Attested): Promise<string> {
  const root = await WorkRoot.create(engine.builder, built.state);
  owned.add(() => root[Symbol.asyncDispose]());
  return root.mountPlain();
}

/** One tree is sent as it is; several are put into one. */
async function together(
  engine: Engine,
  { owned, signal }: ExportRequest,
  trees: readonly Tree[],
): Promise<string> {
  const [only, ...more] = trees;
  if (only === undefined) throw invalidArgument("a build needs a platform");
  if (more.length === 0 && only.folder === "") return only.path;
  const all = await WorkRoot.create(engine.builder, scratchState(hostPlatform()));
  owned.add(() => all[Symbol.asyncDispose]());
  const root = all.mountPlain();
  for (const { path, folder } of trees) {
    const from = { root: path, paths: ["/"], parents: false, exclude: [] };
    await engine.builder.workers.run("copy", { from, root, target: `/${folder}/` }, { signal });
  }
  return root;
}

/** Writes `provenance.json` and the like to the top of the tree: about each of its files. */
async function describe(
  tree: string,
  { attestations }: Attested,
  { prefix, suffix }: { prefix: string; suffix: string },
): Promise<void> {
  const told = attestations.filter(({ inlineOnly }) => !inlineOnly);
  if (told.length === 0) return;
  const subjects: Subject[] = [];
  for await (const { path, mode } of walk(tree)) {
    // What has no bits of a type above those of permissions is a file.
    if (mode < 0x8000_0000 && (mode & 0x0800_0000) === 0) {
      subjects.push({ name: path, digest: digestSet(await digestOf(join(tree, path))) });
    }
  }
  for (const one of told) {
    const name = one.file.replace(/(\.[^.]*)?$/, (extension) => `${suffix}${extension}`);
    const text = JSON.stringify(statementOf(one, subjects), null, 2);
    writeFileSync(join(tree, basename(prefix + name)), text, { mode: 0o600 });
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}
