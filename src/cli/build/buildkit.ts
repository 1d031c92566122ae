import { SolveRequest, SolveResponse, StatusRequest, StatusResponse } from "../../api/buildkit/control.ts";
import { GrpcClient } from "../../api/grpc/client.ts";
import { serveGrpc } from "../../api/grpc/server.ts";
import type { Client } from "../../client/client.ts";
import type { Display } from "./progress/display.ts";
import { type Offers, sessionServices } from "./session-services.ts";
import { wireOf } from "./wire.ts";

/** What is asked of the builder. */
export interface BuildRequest {
  attrs: Record<string, string>;
  /** `network.host`, … */
  entitlements: readonly string[];
  exporters: readonly { Type: string; Attrs: Readonly<Record<string, string>> }[];
  cache: {
    Exports: { Type: string; Attrs: Record<string, string> }[];
    Imports: { Type: string; Attrs: Record<string, string> }[];
  };
  offers: Offers;
  /** The same for each build of a folder: what was sent before need not be sent again. */
  sharedKey: string;
}

/** What a build has come to. */
interface Built {
  answer: Record<string, string>;
  /** Why not all of how it went was shown; undefined where all was. */
  unseen: unknown;
}

/** How long the last words of a build that is over may take. Milliseconds. */
const patience = 2000;

const control = "/moby.buildkit.v1.Control/";

/**
 * Builds by BuildKit's protocol: a session in which the daemon asks for what it needs, and a `Solve`. `display` shows
 * how it goes; where that breaks off, the build goes on. Throws `GrpcError` with the builder's message.
 */
export async function buildWithBuildkit(
  client: Client,
  { attrs, entitlements, exporters, cache, offers, sharedKey }: BuildRequest,
  display: Display | undefined,
  signal: AbortSignal,
): Promise<Built> {
  const id = crypto.randomUUID().replaceAll("-", "");
  const methods = sessionServices(offers);
  const sessionAsked = client.hijack("Session", {
    headers: {
      Upgrade: "h2c",
      "x-docker-expose-session-uuid": id,
      "x-docker-expose-session-name": "longshore",
      "x-docker-expose-session-sharedkey": sharedKey,
      "x-docker-expose-session-grpc-method": [...methods.keys()].join(", "),
    },
  });
  const [session, connection] = await Promise.all([
    sessionAsked,
    client.hijack("Grpc", { headers: { Upgrade: "h2c" } }),
  ]);
  void serveGrpc(wireOf(session), { methods });
  const rpc = new GrpcClient(wireOf(connection));
  try {
    const Ref = crypto.randomUUID().replaceAll("-", "");
    // What the build itself fails with says more, and is said in any case.
    const watching = (display === undefined ? Promise.resolve() : watch(rpc, Ref, display, signal)).then(
      () => undefined,
      (error: unknown) => error,
    );
    const request = {
      Ref,
      Session: id,
      Frontend: "dockerfile.v0",
      FrontendAttrs: { ...attrs },
      Exporters: exporters.map(({ Type, Attrs }) => ({ Type, Attrs: { ...Attrs } })),
      Exporter: exporters[0]?.Type ?? "",
      ExporterAttrs: { ...exporters[0]?.Attrs },
      Cache: cache,
      Entitlements: [...entitlements],
    };
    const seen = () => Promise.race([watching, Bun.sleep(patience)]);
    try {
      const ask = [SolveRequest, request] as const;
      const { ExporterResponse } = await rpc.call(`${control}Solve`, ask, SolveResponse, signal);
      return { answer: ExporterResponse, unseen: await seen() };
    } catch (error) {
      await seen();
      throw error;
    }
  } finally {
    rpc.close();
    session.close();
  }
}

async function watch(rpc: GrpcClient, Ref: string, display: Display, signal: AbortSignal): Promise<void> {
  const call = rpc.open(`${control}Status`, {}, signal);
  await call.send(StatusRequest.encode({ Ref }));
  call.end();
  for await (const message of call.messages()) display.show(StatusResponse.decode(message));
}
