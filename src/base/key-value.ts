/** `key=value` in its two parts, at the first `=`; without one, all is the key, and the value is "". */
export function keyValue(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}
