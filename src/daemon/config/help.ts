import type { Option } from "./option.ts";
import { options } from "./options.ts";

const width = 46;

/** The text of `dockerd --help`. */
export function helpText(): string {
  const flags = (Object.values(options) as Option[])
    .filter((option) => option.flag !== undefined && !option.hidden)
    .sort((a, b) => ((a.flag ?? "") < (b.flag ?? "") ? -1 : 1));
  return [
    "",
    "Usage:  dockerd [OPTIONS]",
    "",
    "The daemon of the container engine.",
    "",
    "Options:",
    ...flags.map(line),
    "",
  ].join("\n");
}

function line(option: Option): string {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.placeholder === "" ? "" : ` ${option.placeholder}`;
  const left = `  ${short}--${option.flag}${value}`.padEnd(width);
  return `${left} ${option.help}${shownDefault(option)}`;
}

function shownDefault({ initial }: Option): string {
  if (typeof initial === "string" && initial !== "") return ` (default "${initial}")`;
  return initial === true || (typeof initial === "number" && initial !== 0) ? ` (default ${initial})` : "";
}
