import type { ImageManifestSummary, ImageSummary } from "../../api/images.ts";
import { invalidArgument } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { humanSize } from "../../base/units.ts";
import type { Cli } from "../cli.ts";
import { alignTabs } from "../format/tabwriter.ts";

/** `--tree` shows everything in its own way. */
export function checkTreeFlags(flags: {
  readonly quiet: boolean;
  readonly "no-trunc": boolean;
  readonly digests: boolean;
  readonly format: string;
}): void {
  for (const name of ["quiet", "no-trunc", "digests"] as const) {
    if (flags[name]) throw invalidArgument(`--${name} is not yet supported with --tree`);
  }
  if (flags.format !== "") throw invalidArgument("--format is not yet supported with --tree");
}

/** Each image with its platforms below it: the size on disk, and that of what was fetched. */
export function printTree(cli: Cli, images: readonly ImageSummary[]): void {
  const lines = ["IMAGE\tID\tDISK USAGE\tCONTENT SIZE"];
  for (const image of images) {
    const known = (image.Manifests ?? []) as ImageManifestSummary[];
    const manifests = known.filter(({ Kind }) => Kind === "image");
    const content = manifests.reduce((sum, { Size }) => sum + Size.Content, 0);
    const names = (image.RepoTags ?? []).join("\n");
    lines.push(
      [names || "<untagged>", shortId(image.Id), humanSize(image.Size, 3), humanSize(content, 3)].join("\t"),
    );
    manifests.forEach((manifest, index) => {
      const { os = "", architecture = "", variant } = manifest.ImageData?.Platform ?? {};
      const mark = index === manifests.length - 1 ? "└─" : "├─";
      const platform = [os, architecture, variant].filter(Boolean).join("/");
      const cells = [
        `${mark} ${platform}`,
        shortId(manifest.ID),
        manifest.Available ? humanSize(manifest.Size.Total, 3) : "-",
        humanSize(manifest.Size.Content, 3),
      ];
      lines.push(cells.join("\t"));
    });
  }
  cli.out.write(alignTabs(`${lines.join("\n")}\n`));
}
