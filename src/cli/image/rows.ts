import type { ImageSummary } from "../../api/images.ts";
import { shortId } from "../../base/ids.ts";
import { humanDuration, humanSize } from "../../base/units.ts";
import { familiarName, parseReference, type Reference } from "../../oci/reference.ts";
import { localTime } from "../format/local-time.ts";
import type { RowKind } from "../format/rows.ts";

/** One line of `docker images`: an image under one of its names. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = "<none>";

function isDangling({ RepoTags, RepoDigests }: ImageSummary): boolean {
  const tags = RepoTags ?? [];
  const digests = RepoDigests ?? [];
  if (tags.length === 0 && digests.length === 0) return true;
  return (
    tags.length === 1 &&
    tags[0] === `${none}:${none}` &&
    digests.length === 1 &&
    digests[0] === `${none}@${none}`
  );
}

function grouped(
  texts: readonly string[],
  pick: (reference: Reference) => string | undefined,
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of texts) {
    let reference: Reference;
    try {
      reference = parseReference(text);
    } catch {
      // `<none>@<none>` and the like have no name to show.
      continue;
    }
    const value = pick(reference);
    const name = familiarName(reference);
    if (value !== undefined) found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

/** A line for each name of each image; with `digests`, for each digest as well. */
export function imageRowsOf(images: readonly ImageSummary[], digests: boolean): ImageRow[] {
  return images.flatMap((image) => {
    if (isDangling(image)) return [{ image, repository: none, tag: none, digest: none }];
    const tags = grouped(image.RepoTags ?? [], (reference) => reference.tag);
    const byDigest = grouped(image.RepoDigests ?? [], (reference) => reference.digest);
    const rows: ImageRow[] = [];
    for (const [repository, names] of tags) {
      const known = digests ? (byDigest.get(repository) ?? []) : [];
      byDigest.delete(repository);
      for (const tag of names) {
        for (const digest of known.length > 0 ? known : [none]) rows.push({ image, repository, tag, digest });
      }
    }
    for (const [repository, values] of byDigest) {
      for (const digest of digests ? values : [""]) rows.push({ image, repository, tag: none, digest });
    }
    return rows;
  });
}

const sizeOr = (size: number) => (size < 0 ? "N/A" : humanSize(size, 4));

/** What `docker images --format` can show. */
export function imageRows(truncate: boolean): RowKind<ImageRow> {
  return {
    type: "formatter.imageContext",
    headers: {
      ID: "IMAGE ID",
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      VirtualSize: "SIZE",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
    },
    columns: {
      ID: ({ image }) => (truncate ? shortId(image.Id) : image.Id),
      Repository: (row) => row.repository,
      Tag: (row) => row.tag,
      Digest: (row) => row.digest,
      CreatedSince: ({ image }) =>
        image.Created <= 0 ? "" : `${humanDuration(Date.now() - image.Created * 1000)} ago`,
      CreatedAt: ({ image }) => localTime(image.Created),
      Size: ({ image }) => humanSize(image.Size, 3),
      Containers: ({ image }) => (image.Containers < 0 ? "N/A" : String(image.Containers)),
      VirtualSize: ({ image }) => humanSize(image.Size, 4),
      SharedSize: ({ image }) => sizeOr(image.SharedSize),
      UniqueSize: ({ image }) => sizeOr(image.SharedSize < 0 ? -1 : image.Size - image.SharedSize),
    },
  };
}

/** The template of `docker images` without `--format`. */
export function imageTable(quiet: boolean, digests: boolean): string {
  if (quiet) return "{{.ID}}";
  const created = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}";
  const digest = digests ? "{{.Digest}}\t" : "";
  return `table {{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t${created}\t{{.Size}}`;
}
