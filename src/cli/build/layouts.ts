import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { ContentFolder } from "./content-store.ts";

/**
 * `oci-layout://PATH[:TAG][@DIGEST]`: the folder, and the reference by which the builder asks for it, whose name is `id`.
 * A folder with one image gives it under any tag. Throws `invalidArgument` in buildx's words.
 */
export function layoutContext(value: string, id: string): { folder: ContentFolder; reference: string } {
  const [place = "", digest] = value.replace("oci-layout://", "").split("@", 2);
  const [path = "", tag = "latest"] = place.split(":", 2);
  const folder = new ContentFolder(resolve(path));
  const found = digest ?? resolved(folder, value, tag);
  return { folder, reference: `${id}:${tag}@${found}` };
}

function resolved(folder: ContentFolder, value: string, tag: string): string {
  const why = (reason: string) =>
    invalidArgument(`oci-layout reference ${JSON.stringify(value)} could not be resolved: ${reason}`);
  if (!existsSync(join(folder.path, "index.json"))) {
    throw why(`open ${join(folder.path, "index.json")}: no such file or directory`);
  }
  try {
    const digest = folder.tagged(tag) ?? folder.only();
    if (digest !== undefined) return digest;
  } catch (error) {
    throw why(messageOf(error));
  }
  throw why("failed to resolve digest");
}

/** The folder that `type=oci,tar=false` writes to. Throws `invalidArgument` in buildx's words. */
export function layoutFolder(dest: string | undefined): ContentFolder {
  if (dest === undefined) throw invalidArgument("dest is required for oci exporter");
  if (dest === "-") throw invalidArgument("dest cannot be stdout for oci exporter");
  if (lstatSync(dest, { throwIfNoEntry: false })?.isFile()) {
    throw invalidArgument(`destination directory ${dest} is a file`);
  }
  mkdirSync(dest, { recursive: true });
  return new ContentFolder(resolve(dest));
}

/** Names what was written, where the builder says that it was: by the image's names, or `latest`. */
export function nameImage(folder: ContentFolder, answer: Readonly<Record<string, string>>): void {
  const described = answer["containerimage.descriptor"];
  if (described === undefined) return;
  const descriptor = JSON.parse(Buffer.from(described, "base64").toString("utf8")) as Descriptor;
  if (folder.size(descriptor.digest) === undefined) return;
  const names = (answer["image.name"] ?? "").split(",").filter((name) => name !== "");
  if (names.length === 0) folder.tag("latest", descriptor);
  for (const name of names) {
    const reference = withDefaultTag(parseReference(name));
    folder.tag(reference.tag ?? "latest", descriptor, `${fullName(reference)}:${reference.tag}`);
  }
}
