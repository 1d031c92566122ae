import { Empty, type WorkerRecord } from "../../api/buildkit/control.ts";
import {
  EvaluateRequest,
  GatewaySolveRequest,
  GatewaySolveResponse,
  PongResponse,
  ReadDirRequest,
  ReadDirResponse,
  ReadFileRequest,
  ReadFileResponse,
  type Result,
  ReturnRequest,
  StatFileRequest,
  StatFileResponse,
} from "../../api/buildkit/gateway.ts";
import { RpcStatus } from "../../api/buildkit/session.ts";
import { type Method, type ServerCall, unary } from "../../api/grpc/server.ts";
import { GrpcError } from "../../api/grpc/status.ts";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import type { MessageOf } from "../../base/protobuf.ts";
import { frontendOf } from "./frontend-options.ts";
import type { Job } from "./job.ts";
import type { Jobs } from "./jobs.ts";
import { definitionOf } from "./result-definition.ts";
import { readFile, readFolder, statFile } from "./result-files.ts";
import { asBuildkit } from "./solve-error.ts";

/** What a build may ask for (solver/pb/caps.go): by these clients tell which flags they can take. */
const buildCapabilities = [
  "solve.base",
  "exporter.image.attestations",
  "exporter.image.annotations",
  "exporter.multiple",
  "exporter.sourcedateepoch",
  "source.ocilayout",
];

/** What may be asked of this gateway (frontend/gateway/pb/caps.go). */
const capabilities = [
  "solve.base",
  "solve.inlinereturn",
  "return",
  "returnmap",
  "proto.refarray",
  "gateway.solve.metadata",
  "gateway.solve.evaluate",
  "frontend.caps",
  "readfile",
  "readdir",
  "statfile",
  "gateway.evaluate",
  "reference.output",
];

const bridge = "/moby.buildkit.v1.frontend.LLBBridge/";

/** `moby.buildkit.v1.frontend.LLBBridge`: a client builds by itself what it then returns as the result of a `Solve`. */
export function gatewayMethods(jobs: Jobs, worker: WorkerRecord): [string, Method][] {
  const jobOf = ({ metadata }: ServerCall): Promise<Job> => {
    const [ref] = metadata["buildkit-controlapi-buildid"] ?? [];
    if (ref === undefined) throw invalidArgument("no build id in the metadata of the call");
    return jobs.find(ref);
  };
  const enabled = (ids: readonly string[]) => ids.map((ID) => ({ ID, Enabled: true, Deprecated: false }));
  return [
    [
      `${bridge}Ping`,
      unary(Empty, PongResponse, () => ({
        FrontendAPICaps: enabled(capabilities),
        LLBCaps: enabled(buildCapabilities),
        Workers: [worker],
      })),
    ],
    [
      `${bridge}Solve`,
      unary(GatewaySolveRequest, GatewaySolveResponse, async (request, call) => {
        const job = await jobOf(call);
        try {
          return await solve(jobs, job, request, call.signal);
        } catch (error) {
          throw asBuildkit(error, job.progress);
        }
      }),
    ],
    [
      `${bridge}ReadFile`,
      unary(ReadFileRequest, ReadFileResponse, async ({ Ref, FilePath, Range }, call) => {
        return { Data: readFile(await (await jobOf(call)).tree(Ref), FilePath, Range) };
      }),
    ],
    [
      `${bridge}ReadDir`,
      unary(ReadDirRequest, ReadDirResponse, async ({ Ref, DirPath, IncludePattern }, call) => {
        return { entries: readFolder(await (await jobOf(call)).tree(Ref), DirPath, IncludePattern) };
      }),
    ],
    [
      `${bridge}StatFile`,
      unary(StatFileRequest, StatFileResponse, async ({ Ref, Path }, call) => {
        return { stat: statFile(await (await jobOf(call)).tree(Ref), Path) };
      }),
    ],
    [
      // What there is of a result has been built already.
      `${bridge}Evaluate`,
      unary(EvaluateRequest, Empty, async ({ Ref }, call) => {
        (await jobOf(call)).result(Ref);
        return {};
      }),
    ],
    [
      `${bridge}Return`,
      unary(ReturnRequest, Empty, async ({ result, error }, call) => {
        const job = await jobOf(call);
        if (error !== undefined)
          job.return({ error: new GrpcError(error.code, error.message, RpcStatus.encode(error)) });
        else job.return({ refs: idsOf(result) });
        return {};
      }),
    ],
  ];
}

const nothing = { refDeprecated: "", refsDeprecated: undefined, ref: undefined, refs: undefined };

async function solve(
  jobs: Jobs,
  job: Job,
  { Definition, Frontend, FrontendOpt, FrontendInputs, CacheImports }: MessageOf<typeof GatewaySolveRequest>,
  signal: AbortSignal,
): Promise<Partial<MessageOf<typeof GatewaySolveResponse>>> {
  if ((Definition?.def.length ?? 0) > 0) {
    throw notImplemented("builds from LLB are not supported: only Dockerfiles are built");
  }
  const { requestid } = FrontendOpt;
  if (requestid) {
    const said = await job.ask(requestid, frontendOf(Frontend, FrontendOpt), signal);
    const metadata = Object.fromEntries(
      Object.entries(said).map(([name, text]) => [name, Buffer.from(text)]),
    );
    return { result: { ...nothing, metadata } };
  }
  const asked = { imports: CacheImports, inputs: jobs.inputs(FrontendInputs) };
  const ids = await job.evaluate(frontendOf(Frontend, FrontendOpt), signal, asked);
  const all = [...ids];
  // As the frontend of Dockerfiles has it: by platform only where that was asked for.
  if (!FrontendOpt.platform?.includes(",")) {
    const [[, id] = ["", ""]] = all;
    return { result: { ...nothing, ref: { id, def: definitionOf(id) }, metadata: {} } };
  }
  const refs = Object.fromEntries(all.map(([platform, id]) => [platform, { id, def: definitionOf(id) }]));
  const Platforms = all.map(([ID]) => {
    const [os, architecture, variant] = ID.split("/");
    return { ID, Platform: { os, architecture, variant } };
  });
  const metadata = { "refs.platforms": Buffer.from(JSON.stringify({ Platforms })) };
  return { result: { ...nothing, refs: { refs }, metadata } };
}

function idsOf(result: MessageOf<typeof Result> | undefined): string[] {
  const { refDeprecated = "", refsDeprecated, ref, refs } = result ?? {};
  const ids = [
    refDeprecated,
    ref?.id ?? "",
    ...Object.values(refsDeprecated?.refs ?? {}),
    ...Object.values(refs?.refs ?? {}).map(({ id }) => id),
  ];
  return ids.filter((id) => id !== "");
}
