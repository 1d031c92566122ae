import { decode, parseExactJson } from "../api/decode.ts";
import type { Infer, Schema } from "../api/schema.ts";
import { invalidArgument } from "../base/errors.ts";

/** The longest single message. Characters. */
const maxMessage = 16 * 1024 * 1024;

/** JSON values, one a line, as they arrive; a last line needs no end. */
export async function* parseMessages<S extends Schema>(
  bytes: AsyncIterable<Uint8Array>,
  schema: S,
): AsyncGenerator<Infer<S>, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of bytes) {
    rest += decoder.decode(part, { stream: true });
    if (rest.length > maxMessage) throw invalidArgument("message too long");
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      const line = rest.slice(start, end).trim();
      start = end + 1;
      if (line !== "") yield decode(schema, parseExactJson(line));
    }
    rest = rest.slice(start);
  }
  if (rest.trim() !== "") yield decode(schema, parseExactJson(rest));
}
