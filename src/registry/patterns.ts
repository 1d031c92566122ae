/** True when `text` fits one of the patterns in `list`: separated by white space or commas, `*` for anything. */
export function matchesPattern(list: string, text: string): boolean {
  return list
    .split(/[\s,]+/)
    .filter((pattern) => pattern !== "")
    .some((pattern) => {
      const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      return new RegExp(`^${parts.join(".*")}$`).test(text);
    });
}
