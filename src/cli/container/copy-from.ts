import { posix } from "node:path";
import { fromText } from "../../archive/byte-string.ts";
import { Extractor } from "../../archive/extractor.ts";
import { TarDecoder } from "../../archive/tar-decoder.ts";
import type { TarEntry } from "../../archive/tar-entry.ts";
import type { Client } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import {
  absoluteLocal,
  type CopySource,
  checkLocalTarget,
  keepName,
  localTarget,
  planCopy,
  splitPath,
} from "./copy-paths.ts";
import { CopyProgress } from "./copy-progress.ts";
import { isDirectoryMode, isLinkMode, readPathStat, statInContainer } from "./path-stat.ts";

export interface CopyOptions {
  container: string;
  source: string;
  target: string;
  followLink: boolean;
  /** The files belong to the container's user. */
  archive: boolean;
  quiet: boolean;
}

/** `docker cp CONTAINER:SOURCE TARGET`. */
export async function copyFromContainer(cli: Cli, options: CopyOptions): Promise<void> {
  const client = await cli.client();
  const target = options.target === "-" ? "-" : absoluteLocal(options.target);
  checkLocalTarget(target);
  const { path, rebase } = options.followLink
    ? await followedPath(client, options)
    : { path: options.source, rebase: "" };
  const answer = await client.stream("ContainerArchive", {
    params: { id: options.container },
    query: { path },
  });
  if (target === "-") {
    for await (const bytes of answer) cli.out.write(bytes);
    return;
  }
  const source = { path, rebase, isDirectory: isDirectoryMode(readPathStat(answer.headers).mode) };
  const progress = new CopyProgress(cli.err, "Copying from container - ", options.quiet);
  try {
    await extractTo(progress.count(answer), source, target);
  } finally {
    progress.done(target);
  }
}

/** What a link in the container leads to; its content is to have the link's name. */
async function followedPath(client: Client, { container, source }: CopyOptions) {
  const stat = await statInContainer(client, container, source);
  if (!stat || !isLinkMode(stat.mode)) return { path: source, rebase: "" };
  const { linkTarget } = stat;
  return keepName(
    source,
    linkTarget.startsWith("/") ? linkTarget : posix.join(splitPath(source).folder, linkTarget),
  );
}

/** Unpacks an archive whose top name is that of `source`. Links in it lead no further than to the target's folder. */
async function extractTo(
  pieces: AsyncIterable<Uint8Array>,
  source: CopySource,
  target: string,
): Promise<void> {
  const { folder, rename } = planCopy(source, localTarget(target));
  const followed = source.rebase
    ? renamer(splitPath(source.path).name, source.rebase)
    : (entry: TarEntry) => entry;
  const named = rename ? renamer(rename.from, rename.to) : (entry: TarEntry) => entry;
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  using extractor = new Extractor(folder, {
    whiteouts: "plain",
    devices: true,
    into: { path: "", keepKinds: true, owner },
  });
  const decoder = new TarDecoder();
  for await (const piece of pieces) {
    for (const event of decoder.push(piece)) {
      if (event.kind === "entry") extractor.entry(named(followed(event.entry)));
      else if (event.kind === "data") extractor.data(event.bytes);
      else extractor.end();
    }
  }
  decoder.finish();
  extractor.finish();
}

/** Calls the top of an archive otherwise; hard links in it follow. */
function renamer(from: string, to: string): (entry: TarEntry) => TarEntry {
  const [old, wanted] = [fromText(from), fromText(to)];
  const renamed = (name: string) => (name.startsWith(old) ? wanted + name.slice(old.length) : name);
  return (entry) => ({
    ...entry,
    name: renamed(entry.name),
    linkname: entry.type === "hardlink" ? renamed(entry.linkname) : entry.linkname,
  });
}
