import { posix } from "node:path";
import { fromText } from "../../archive/byte-string.ts";
import { gather } from "../../archive/gather.ts";
import { packResource } from "../../archive/pack.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { closeFd, openFlags, openPath } from "../../linux/file-at.ts";
import type { Cli } from "../cli.ts";
import { standardInput } from "../input-stream.ts";
import type { CopyOptions } from "./copy-from.ts";
import {
  absoluteLocal,
  type CopyEnd,
  type CopySource,
  localSource,
  planCopy,
  splitPath,
} from "./copy-paths.ts";
import { CopyProgress } from "./copy-progress.ts";
import { isDeviceMode, isDirectoryMode, isIrregularMode, isLinkMode, statInContainer } from "./path-stat.ts";

/** `docker cp SOURCE CONTAINER:TARGET`. */
export async function copyToContainer(cli: Cli, options: CopyOptions): Promise<void> {
  const client = await cli.client();
  const { container, source, target } = options;
  const place = await findTarget(client, container, target);
  const send = (path: string, body: AsyncIterable<Uint8Array>) =>
    client.call("PutContainerArchive", {
      params: { id: container },
      query: { path, noOverwriteDirNonDir: true, copyUIDGID: options.archive },
      body,
    });
  if (source === "-" && !place.isDirectory) {
    throw invalidArgument(`destination "${container}:${target}" must be a directory`);
  }
  const plan = source === "-" ? undefined : packPlan(source, options.followLink, place);
  const progress = new CopyProgress(cli.err, "Copying to container - ", options.quiet);
  try {
    await (plan ? send(plan.folder, progress.count(plan.archive)) : send(place.path, standardInput()));
  } finally {
    progress.done(`${container}:${place.path}`);
  }
}

/** What is at the place in the container; a link there is followed once. */
async function findTarget(client: Client, container: string, target: string): Promise<CopyEnd> {
  let path = target;
  let stat = await statInContainer(client, container, path);
  if (stat && isLinkMode(stat.mode)) {
    const { linkTarget } = stat;
    path = linkTarget.startsWith("/") ? linkTarget : posix.join(splitPath(target).folder, linkTarget);
    stat = await statInContainer(client, container, path);
  }
  const mode = stat?.mode ?? 0;
  const what = isDeviceMode(mode) ? "a device" : isIrregularMode(mode) ? "an irregular file" : undefined;
  if (what !== undefined) {
    throw invalidArgument(
      `destination "${container}:${target}" must be a directory or a regular file: got ${what}`,
    );
  }
  return { path, exists: stat !== undefined, isDirectory: isDirectoryMode(mode) };
}

function packPlan(given: string, followLink: boolean, target: CopyEnd) {
  const source = localSource(absoluteLocal(given), followLink);
  const { folder, rename } = planCopy(source, target);
  const name = rename ? rename.to : source.rebase || splitPath(source.path).name;
  return { folder, archive: packed(source, name === "/" ? "" : name) };
}

/** The archive of a local file or folder, whose top is called `name` in it. */
async function* packed(source: CopySource, name: string): AsyncGenerator<Uint8Array> {
  const place = splitPath(source.path);
  const fd = openPath(fromText(place.folder), openFlags.readOnly | openFlags.directory);
  try {
    yield* gather(packResource(fd, fromText(place.name === "/" ? "." : place.name), fromText(name)));
  } finally {
    closeFd(fd);
  }
}
