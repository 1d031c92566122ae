/** One record of comma-separated values as Go's encoding/csv reads it: fields may be quoted, `""` is a quote. */
export function parseCsvRecord(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] !== '"') {
      const comma = text.indexOf(",", at);
      const end = comma < 0 ? text.length : comma;
      const field = text.slice(at, end);
      const quote = field.indexOf('"');
      if (quote >= 0)
        throw new Error(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`);
      fields.push(field);
      if (comma < 0) return fields;
      at = comma + 1;
      continue;
    }
    let field = "";
    at++;
    for (;;) {
      const quote = text.indexOf('"', at);
      if (quote < 0) {
        throw new Error(
          `parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`,
        );
      }
      field += text.slice(at, quote);
      at = quote + 1;
      if (text[at] !== '"') break;
      field += '"';
      at++;
    }
    fields.push(field);
    if (at >= text.length) return fields;
    if (text[at] !== ",")
      throw new Error(`parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
    at++;
  }
}
