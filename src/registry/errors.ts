import { EngineError, type ErrorCode, isEngineError } from "../base/errors.ts";

interface Kind {
  code: ErrorCode;
  /** The spec's own words for it. */
  message: string;
  /** Where the status is not the one of `code`. */
  status?: number;
}

/** The codes that clients understand (OCI distribution-spec 1.1, "Error Codes"). */
const kinds = {
  BLOB_UNKNOWN: { code: "notFound", message: "blob unknown to registry" },
  BLOB_UPLOAD_INVALID: { code: "invalidArgument", message: "blob upload invalid" },
  BLOB_UPLOAD_UNKNOWN: { code: "notFound", message: "blob upload unknown to registry" },
  DIGEST_INVALID: { code: "invalidArgument", message: "provided digest did not match uploaded content" },
  MANIFEST_BLOB_UNKNOWN: {
    code: "notFound",
    message: "manifest references a manifest or blob unknown to registry",
  },
  MANIFEST_INVALID: { code: "invalidArgument", message: "manifest invalid" },
  MANIFEST_UNKNOWN: { code: "notFound", message: "manifest unknown" },
  NAME_INVALID: { code: "invalidArgument", message: "invalid repository name" },
  NAME_UNKNOWN: { code: "notFound", message: "repository name not known to registry" },
  RANGE_INVALID: { code: "invalidArgument", message: "invalid content range", status: 416 },
  SIZE_INVALID: { code: "invalidArgument", message: "provided length did not match content length" },
  TOO_LARGE: { code: "invalidArgument", message: "manifest exceeds the size limit", status: 413 },
  UNAUTHORIZED: { code: "unauthorized", message: "authentication required" },
  DENIED: { code: "forbidden", message: "requested access to the resource is denied" },
  UNSUPPORTED: { code: "invalidArgument", message: "the operation is unsupported" },
  METHOD: { code: "notImplemented", message: "the operation is unsupported" },
  IMMUTABLE: { code: "conflict", message: "the tag is immutable" },
  TOOMANYREQUESTS: { code: "unavailable", message: "too many requests", status: 429 },
  UNAVAILABLE: { code: "unavailable", message: "service unavailable" },
  UNKNOWN: { code: "internal", message: "unknown error" },
} as const satisfies Record<string, Kind>;

export type RegistryErrorKind = keyof typeof kinds;

/** Kinds that the spec has no code of their own for, and the code that they are told by. */
const toldAs: Partial<Record<RegistryErrorKind, string>> = {
  RANGE_INVALID: "BLOB_UPLOAD_INVALID",
  TOO_LARGE: "SIZE_INVALID",
  METHOD: "UNSUPPORTED",
  IMMUTABLE: "DENIED",
};

/**
 * An expected error of the registry. `details` has one entry for each thing that is wrong, as the spec wants it told.
 */
export class RegistryError extends EngineError {
  readonly kind: RegistryErrorKind;
  readonly details: readonly unknown[];
  readonly headers: Readonly<Record<string, string>>;
  /** Where the status is not the one of `kind`. */
  readonly status: number | undefined;

  constructor(
    kind: RegistryErrorKind,
    options: {
      details?: readonly unknown[];
      message?: string;
      headers?: Record<string, string>;
      status?: number;
      cause?: unknown;
    } = {},
  ) {
    super(kinds[kind].code, options.message ?? kinds[kind].message, { cause: options.cause });
    this.name = "RegistryError";
    this.kind = kind;
    this.details = options.details ?? [];
    this.headers = options.headers ?? {};
    this.status = options.status;
  }
}

/** How an error is told to a client. */
export interface ErrorAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: { errors: { code: string; message: string; detail?: unknown }[] };
}

/** The one mapping of the closed set of error codes to HTTP statuses and to the registry's own codes. */
const answers: Record<ErrorCode, { status: number; kind: RegistryErrorKind }> = {
  notFound: { status: 404, kind: "NAME_UNKNOWN" },
  conflict: { status: 409, kind: "UNSUPPORTED" },
  invalidArgument: { status: 400, kind: "UNSUPPORTED" },
  forbidden: { status: 403, kind: "DENIED" },
  unauthorized: { status: 401, kind: "UNAUTHORIZED" },
  notModified: { status: 304, kind: "UNSUPPORTED" },
  unavailable: { status: 503, kind: "UNAVAILABLE" },
  notImplemented: { status: 405, kind: "METHOD" },
  cancelled: { status: 400, kind: "BLOB_UPLOAD_INVALID" },
  internal: { status: 500, kind: "UNKNOWN" },
};

/** What a client is told about `error`. The text of an unexpected error stays in the log. */
export function answerOf(error: unknown): ErrorAnswer {
  if (!isEngineError(error)) return answerOf(new RegistryError("UNKNOWN"));
  const known = error instanceof RegistryError ? error : undefined;
  const kind = known?.kind ?? answers[error.code].kind;
  const special: Kind = kinds[kind];
  const code = toldAs[kind] ?? kind;
  const message = error.code === "internal" ? kinds.UNKNOWN.message : error.message;
  const details = known?.details.length ? known.details : [undefined];
  return {
    status: known?.status ?? (known ? special.status : undefined) ?? answers[error.code].status,
    headers: known?.headers ?? {},
    body: {
      errors: details.map((detail) => (detail === undefined ? { code, message } : { code, message, detail })),
    },
  };
}
