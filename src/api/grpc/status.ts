import { EngineError, type ErrorCode, isEngineError, messageOf } from "../../base/errors.ts";
import type { Fields } from "../http2/hpack.ts";

/** The codes of gRPC by number (grpc.io/docs/guides/status-codes), as far as they have a counterpart here. */
const numbers: Readonly<Record<ErrorCode, number>> = {
  cancelled: 1,
  invalidArgument: 3,
  notFound: 5,
  conflict: 9,
  notModified: 6,
  forbidden: 7,
  notImplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthorized: 16,
};

/** Those that our errors have no word for. */
export const grpcNumbers = { alreadyExists: 6, outOfRange: 11 } as const;

const codes = new Map<number, ErrorCode>(
  Object.entries(numbers).map(([code, number]) => [number, code as ErrorCode]),
);

/** What goes wrong in a call that the other side answered; `number` is gRPC's. */
export class GrpcError extends EngineError {
  readonly number: number;
  /** A `google.rpc.Status`, encoded: what there is to tell besides the message. */
  readonly details: Uint8Array | undefined;

  constructor(number: number, message: string, details?: Uint8Array) {
    super(codes.get(number) ?? "internal", message);
    this.name = "GrpcError";
    this.number = number;
    this.details = details;
  }
}

/** gRPC's number for an error: unknown (2) for what nobody expected. */
export function statusNumberOf(error: unknown): number {
  if (error instanceof GrpcError) return error.number;
  return isEngineError(error) ? numbers[error.code] : 2;
}

/** The trailers that end a call. `details`: a `google.rpc.Status`, encoded. */
export function trailersOf(error: unknown, details?: Uint8Array): Fields {
  if (error === undefined) return { "grpc-status": ["0"] };
  const encoded = details && Buffer.from(details).toString("base64").replace(/=+$/, "");
  return {
    "grpc-status": [String(statusNumberOf(error))],
    "grpc-message": [encodeMessage(messageOf(error))],
    ...(encoded && { "grpc-status-details-bin": [encoded] }),
  };
}

/** Percent-encoding as gRPC has it for `grpc-message`: all but printable ASCII, and `%`. */
function encodeMessage(text: string): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/** The error that trailers tell of; undefined when all went well. */
export function errorOf(trailers: Fields): GrpcError | undefined {
  const [status] = trailers["grpc-status"] ?? [];
  if (status === "0") return undefined;
  if (status === undefined) return new GrpcError(13, "the call ended without a status");
  const [message = ""] = trailers["grpc-message"] ?? [];
  const [details] = trailers["grpc-status-details-bin"] ?? [];
  return new GrpcError(
    Number(status),
    decodeMessage(message),
    details === undefined ? undefined : Buffer.from(details, "base64"),
  );
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not encoded as it should be: better as it is than not at all.
    return text;
  }
}
