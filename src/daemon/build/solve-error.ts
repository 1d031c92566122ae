import { RpcStatus } from "../../api/buildkit/session.ts";
import { GrpcError, statusNumberOf } from "../../api/grpc/status.ts";
import { isEngineError, messageOf } from "../../base/errors.ts";
import type { LineRange } from "../../dockerfile/errors.ts";
import type { SourceFile, StatusProgress } from "./status-progress.ts";

/** gRPC's `Unknown`: clients show the message of such an error without a word before it. */
const unknown = 2;

/** An error of a build, with the lines that it is about. */
class SolveError extends GrpcError {
  readonly place: { source: SourceFile; range: LineRange } | undefined;

  constructor(message: string, place: SolveError["place"]) {
    super(unknown, message);
    this.place = place;
  }
}

/** `error` as BuildKit's clients show it best. */
export function asBuildkit(error: unknown, progress: StatusProgress): unknown {
  if (error instanceof GrpcError) return error;
  if (isEngineError(error, "notImplemented") || isEngineError(error, "cancelled")) return error;
  return new SolveError(messageOf(error), progress.placeOf(error));
}

/** `google.rpc.Status` with what `asBuildkit` has found out (BuildKit's solver/errdefs, Source). */
export function errorDetails(error: unknown): Uint8Array | undefined {
  // What a client has returned as the failure of its own part is handed back as it came.
  if (error instanceof GrpcError && error.details !== undefined) return error.details;
  if (!(error instanceof SolveError) || error.place === undefined) return undefined;
  const { source, range } = error.place;
  const value = {
    info: {
      filename: source.filename,
      data: Buffer.from(source.data).toString("base64"),
      language: "Dockerfile",
    },
    ranges: [{ start: { line: range.start }, end: { line: range.end } }],
  };
  const details = [
    { type_url: "github.com/moby/buildkit/errdefs.Source+json", value: Buffer.from(JSON.stringify(value)) },
  ];
  return RpcStatus.encode({ code: statusNumberOf(error), message: error.message, details });
}
