import type { ImageManifestSummary, ImageSummary } from "../../api/images.ts";
import { invalidArgument } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { humanSize } from "../../base/units.ts";
import type { Cli } from "../cli.ts";
import { ellipsis } from "../format/ellipsis.ts";
import { terminalWidth } from "../terminal-width.ts";
import { infoHeading } from "./push-notes.ts";

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

/** One line: an image by its last name, or a platform of one. */
interface Line {
  title: string;
  style: string;
  id: string;
  diskUsage: string;
  contentSize: string;
  inUse: boolean;
}

const styles = {
  name: "\x1b[34m\x1b[1m",
  untagged: "\x1b[39m\x1b[2m",
  missing: "\x1b[39m\x1b[2m",
  plain: "\x1b[39m",
  heading: "\x1b[39m\x1b[1m",
  warning: "\x1b[93m",
  chip: "\x1b[38;5;0m\x1b[48;5;14m",
};

const columns: readonly { heading: string; width: number; right: boolean; cell: (line: Line) => string }[] = [
  { heading: "ID", width: 12, right: false, cell: ({ id }) => id },
  { heading: "DISK USAGE", width: 10, right: true, cell: ({ diskUsage }) => diskUsage },
  { heading: "CONTENT SIZE", width: 12, right: true, cell: ({ contentSize }) => contentSize },
];
const extraWidth = "EXTRA".length;
const spacing = "   ";
/** The first column does not get narrower: others are left out instead. */
const leastTitle = 12;
/** Where there is no terminal. */
const standardWidth = 80;

/** Each image with its platforms below it, the newest first, as Docker's client lays it out: the size on disk, and that of what was fetched. */
export function printTree(cli: Cli, images: readonly ImageSummary[], all: boolean): void {
  const isTerminal = cli.out.isTerminal;
  const width = isTerminal ? Math.max(20, terminalWidth()) : standardWidth;
  const style = (codes: string, text: string) =>
    isTerminal && text !== "" ? `${codes}${text}\x1b[0m` : text;
  const chip = style(styles.chip, isTerminal ? " U " : "U");
  const legend = `${infoHeading(cli.out)} ${chip} In Use `;
  const warning =
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
  const shown = images
    .filter(({ RepoTags }) => all || (RepoTags ?? []).length > 0)
    .toSorted((a, b) => b.Created - a.Created)
    .map((image) => ({ names: namesOf(image).slice(0, -1), lines: linesOf(image) }));
  const allNames = shown.flatMap(({ names, lines }) => [...names, ...lines.map(({ title }) => title)]);
  const widest = Math.max("IMAGE".length, ...allNames.map((name) => Bun.stringWidth(name)));
  const { titleWidth, fitting, hasExtra } = fit(width, widest);

  const pad = (text: string, to: number, right: boolean, codes: string) => {
    const cut = ellipsis(text, to);
    const fill = " ".repeat(to - Bun.stringWidth(cut));
    return right ? fill + style(codes, cut) : style(codes, cut) + fill;
  };
  const row = (line: Line) => {
    const codes = line.style === styles.missing ? styles.missing : styles.plain;
    const cells = fitting.map((column) => pad(column.cell(line), column.width, column.right, codes));
    const extra = line.inUse ? chip + " ".repeat(extraWidth - Bun.stringWidth(chip)) : " ".repeat(extraWidth);
    return [pad(line.title, titleWidth, false, line.style), ...cells, ...(hasExtra ? [extra] : [])].join(
      spacing,
    );
  };
  const headings = [
    pad("IMAGE", titleWidth, false, styles.heading),
    ...fitting.map(({ heading, width }) => pad(heading, width, false, styles.heading)),
    ...(hasExtra ? [style(styles.heading, "EXTRA")] : []),
  ];
  const output = [
    style(styles.warning, warning),
    " ".repeat(Math.max(0, width - Bun.stringWidth(legend))) + legend,
    "",
    headings.join(spacing),
  ];
  const isSpaced = shown.some(({ lines }) => lines.length > 1);
  for (const { names, lines } of shown) {
    output.push(
      ...names.map((name) => style(styles.name, isTerminal ? ellipsis(name, terminalWidth()) : name)),
    );
    output.push(...lines.map(row));
    if (isSpaced) output.push("");
  }
  cli.out.write(`${output.join("\n")}\n`);
}

/** How wide the first column may be, and which of the others have room beside it. */
function fit(width: number, widest: number) {
  let titleWidth = width;
  const fitting: (typeof columns)[number][] = [];
  for (const column of columns) {
    if (titleWidth - column.width - spacing.length < leastTitle) break;
    titleWidth -= column.width + spacing.length;
    fitting.push(column);
  }
  const hasExtra =
    fitting.length === columns.length && titleWidth - extraWidth - spacing.length >= leastTitle;
  if (hasExtra) titleWidth -= extraWidth + spacing.length;
  return { titleWidth: Math.min(titleWidth, widest), fitting, hasExtra };
}

/** The shortest stands last, beside the numbers. */
const namesOf = ({ RepoTags }: ImageSummary) => (RepoTags ?? []).toSorted((a, b) => b.length - a.length);

/** The image itself, then its platforms. */
function linesOf(image: ImageSummary): Line[] {
  const known = (image.Manifests ?? []) as ImageManifestSummary[];
  const manifests = known.filter(({ Kind }) => Kind === "image");
  const platforms = manifests.map((manifest, index): Line => {
    const { os = "", architecture = "", variant } = manifest.ImageData?.Platform ?? {};
    const mark = index === manifests.length - 1 ? "└─" : "├─";
    return {
      title: `${mark} ${[os, architecture, variant].filter(Boolean).join("/")}`,
      style: manifest.Available ? styles.plain : styles.missing,
      id: shortId(manifest.ID),
      diskUsage: humanSize(manifest.Size.Total, 3),
      contentSize: humanSize(manifest.Size.Content, 3),
      inUse: (manifest.ImageData?.Containers ?? []).length > 0,
    };
  });
  const content = manifests.reduce((sum, { Size }) => sum + Size.Content, 0);
  const name = namesOf(image).at(-1);
  const whole: Line = {
    title: name ?? "<untagged>",
    style: name === undefined ? styles.untagged : styles.name,
    id: shortId(image.Id),
    diskUsage: humanSize(image.Size, 3),
    contentSize: humanSize(content, 3),
    inUse: image.Containers > 0 || platforms.some(({ inUse }) => inUse),
  };
  return [whole, ...platforms];
}
