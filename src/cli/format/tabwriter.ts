/** How Docker's tables are set: cells at least 10 columns wide, 3 columns between them (Go's text/tabwriter). */
export interface TabOptions {
  readonly minWidth: number;
  readonly padding: number;
}

const dockerTable: TabOptions = { minWidth: 10, padding: 3 };

/** In plain ASCII, as nearly all is, a cell is as wide as it is long. */
const plain = /^[ -~\t\n]*$/;

/**
 * Aligns cells that end with a tab. As in Go's text/tabwriter, a column is a run of lines that have a cell there: its
 * width is that of its widest cell, and what follows the last tab of a line is in no column.
 */
export function alignTabs(text: string, options: TabOptions = dockerTable): string {
  const isPlain = plain.test(text);
  const widthOf = (cell: string) =>
    isPlain || plain.test(cell) ? cell.length : Bun.stringWidth(cell, { countAnsiEscapeCodes: true });
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths: number[] = [];
  let out = "";

  const write = (from: number, to: number) => {
    for (let at = from; at < to; at++) {
      const cells = lines[at] ?? [];
      for (let column = 0; column < cells.length; column++) {
        const cell = cells[column] as string;
        const width = widths[column];
        out += cell;
        if (width !== undefined) out += " ".repeat(Math.max(0, width - widthOf(cell)));
      }
      if (at < lines.length - 1) out += "\n";
    }
  };

  const format = (first: number, end: number) => {
    const column = widths.length;
    let from = first;
    for (let at = first; at < end; at++) {
      if (column >= (lines[at]?.length ?? 0) - 1) continue;
      write(from, at);
      from = at;
      let width = options.minWidth;
      for (; at < end && column < (lines[at]?.length ?? 0) - 1; at++) {
        width = Math.max(width, widthOf(lines[at]?.[column] ?? "") + options.padding);
      }
      widths.push(width);
      format(from, at);
      widths.pop();
      from = at;
    }
    write(from, end);
  };
  format(0, lines.length);
  return out;
}
