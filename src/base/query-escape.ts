/** As Go's `url.QueryEscape`: a blank is a plus, and nothing stays as it is but letters, digits and `-_.~`. */
export function queryEscape(text: string): string {
  const escaped = encodeURIComponent(text).replaceAll("%20", "+");
  return escaped.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
