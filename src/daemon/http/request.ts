import { decode, decodeText, parseJson } from "../../api/decode.ts";
import { type BodyReader, bodyBytes, bodyTooLong, wholeBody } from "../../api/http1/body.ts";
import type { Head, Headers } from "../../api/http1/head.ts";
import { AuthConfig } from "../../api/images.ts";
import type { Operation } from "../../api/operation.ts";
import type { Schema } from "../../api/schema.ts";
import { versionAtLeast } from "../../api/version.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import { decodeQuery } from "./query.ts";
import type { Match, Target } from "./router.ts";

/** The longest JSON body that is read. Bytes. */
const maxJsonBody = 16 * 1024 * 1024;

/** What a handler gets, with the types of any operation. */
export interface AnyRequest {
  readonly operation: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly version: string;
  atLeast(version: string): boolean;
  readonly headers: Headers;
  readonly registryAuth: AuthConfig | undefined;
  readonly signal: AbortSignal;
}

/** Decodes and checks a request by its operation's declaration; throws `invalidArgument` with Docker's texts. */
export async function decodeRequest(
  match: Match<string>,
  target: Target,
  version: string,
  head: Head,
  body: BodyReader,
  signal: () => AbortSignal,
): Promise<AnyRequest> {
  const { operation } = match;
  return {
    operation: match.id,
    params: match.params,
    query: decodeQuery(operation.query, target.query, version),
    body: await decodeBody(operation, head.headers, body),
    version,
    atLeast: (least) => versionAtLeast(version, least),
    headers: head.headers,
    registryAuth: operation.registryAuth ? decodeRegistryAuth(head.headers["x-registry-auth"]) : undefined,
    get signal() {
      return signal();
    },
  };
}

async function decodeBody(operation: Operation, headers: Headers, body: BodyReader): Promise<unknown> {
  const declared = operation.body;
  if (declared.kind === "stream") return bodyBytes(body);
  if (declared.kind === "none") return undefined;
  // Who says that it is too long need not send it.
  if (Number(headers["content-length"] ?? 0) > maxJsonBody) throw invalidArgument(bodyTooLong);
  const text = body.ended ? "" : (await wholeBody(body, maxJsonBody)).toString("utf8");
  const contentType = headers["content-type"];
  if (text !== "" || contentType !== undefined) checkContentType(contentType ?? "");
  if (text.trim() !== "") return decodeJsonBody(declared.schema, text);
  if (declared.empty === "refused") {
    throw invalidArgument("invalid JSON: got EOF while reading request body");
  }
  return declared.empty === "zero" ? decode(declared.schema, null) : undefined;
}

function checkContentType(value: string): void {
  const type = value.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "") throw invalidArgument(`malformed Content-Type header (${value}): mime: no media type`);
  if (type !== "application/json") {
    throw invalidArgument(`unsupported Content-Type header (${value}): must be 'application/json'`);
  }
}

function decodeJsonBody(schema: Schema, text: string): unknown {
  try {
    return decodeText(schema, text);
  } catch (error) {
    const message = messageOf(error);
    if (message.endsWith("after top-level value"))
      throw invalidArgument("unexpected content after JSON", error);
    throw invalidArgument(`invalid JSON: ${message}`, error);
  }
}

/** `X-Registry-Auth`: JSON as base64, of the URL's or the plain alphabet. Docker ignores what it cannot read. */
export function decodeRegistryAuth(header: string | undefined): AuthConfig | undefined {
  if (header === undefined || header === "") return undefined;
  try {
    const text = Buffer.from(header.replaceAll("-", "+").replaceAll("_", "/"), "base64").toString("utf8");
    return decode(AuthConfig, parseJson(text));
  } catch {
    // A pull of a public image must work with a header that is broken, as it does with Docker.
    return undefined;
  }
}
