import { writeFileSync } from "node:fs";
import { RpcStatus } from "../../api/buildkit/session.ts";
import type { Method } from "../../api/grpc/server.ts";
import { GrpcError } from "../../api/grpc/status.ts";
import { Cleanups } from "../../base/disposables.ts";
import { invalidArgument, messageOf } from "../../base/errors.ts";
import type { Cli } from "../cli.ts";
import { currentContext } from "../connection.ts";
import { pairs } from "../container/environment.ts";
import { StatusError } from "../exit.ts";
import { standardInput } from "../input-stream.ts";
import { forwardInterrupts } from "../interrupt.ts";
import { authForServer, hubServer } from "../registry-auth.ts";
import { attestAttrs } from "./attests.ts";
import type { Caches } from "./build-caches.ts";
import { buildInputs, type Inputs, namedContext } from "./build-inputs.ts";
import { type Outputs, outputsOf } from "./build-outputs.ts";
import { parseAgent, parseSecret } from "./build-secrets.ts";
import { type BuildRequest, buildWithBuildkit } from "./buildkit.ts";
import type { Call } from "./call.ts";
import { type BuildFlags, buildArgs } from "./flags.ts";
import { displayOf, type ProgressKind, progressKinds } from "./progress/display.ts";

/** `docker build` by BuildKit's protocol. Throws with what the client prints at last. */
export async function buildModern(
  cli: Cli,
  context: string,
  flags: BuildFlags,
  call: Call | undefined,
): Promise<number> {
  const kind = flags.quiet
    ? "quiet"
    : progressKind(flags.progress || process.env.BUILDKIT_PROGRESS || "auto");
  await using owned = new Cleanups();
  const inputs = await buildInputs(context, flags.file, standardInput, owned);
  for (const text of flags["build-context"]) await namedContext(inputs, text);
  const outputs = await outputsOf({
    outputs: flags.output,
    push: flags.push,
    load: flags.load,
    tags: flags.tag,
    annotations: flags.annotation,
    stdoutIsTerminal: cli.out.isTerminal,
  });
  const caches = await cachesOf(cli, flags);
  const services = await contentServicesOf(inputs, outputs, caches);
  const agents = new Map<string, string>();
  for (const text of flags.ssh) agents.set(...(await parseAgent(text, owned)));
  const request = requestOf(cli, flags, { inputs, outputs, caches, services, agents });
  if (call !== undefined) {
    Object.assign(request.attrs, {
      requestid: `frontend.${call.name}`,
      "frontend.caps": "moby.buildkit.frontend.subrequests",
    });
    request.exporters = [];
  }
  const client = await cli.client();
  const stop = new AbortController();
  using _ = forwardInterrupts(() => stop.abort());
  const display = await displayOf(
    kind,
    cli.err,
    `docker:${currentContext(cli.globals, cli.config.currentContext)}`,
  );
  let answer: Record<string, string>;
  try {
    const built = await buildWithBuildkit(client, request, display, stop.signal);
    answer = built.answer;
    display?.end("done");
    if (built.unseen !== undefined) {
      cli.err.write(`WARNING: the progress of the build could not be shown: ${messageOf(built.unseen)}\n`);
    }
  } catch (error) {
    display?.end(stop.signal.aborted ? "cancelled" : "failed");
    if (stop.signal.aborted)
      throw new StatusError(130, "ERROR: failed to build: failed to solve: Canceled: context canceled");
    throw await told(error);
  }
  if (caches.written.length > 0) (await import("./build-caches.ts")).nameWritten(caches, answer);
  if (outputs.layout !== undefined) (await import("./layouts.ts")).nameImage(outputs.layout, answer);
  if (call === undefined) {
    tell(cli, flags, answer, outputs);
    return 0;
  }
  const { toldOf } = await import("./call-report.ts");
  const { out, err, code } = toldOf(call, answer, inputs.dockerfile);
  cli.out.write(out);
  if (err !== "") throw new StatusError(code, err);
  return code;
}

async function cachesOf(cli: Cli, flags: BuildFlags): Promise<Caches> {
  const { "cache-from": from, "cache-to": to } = flags;
  if (from.length + to.length === 0) return { Imports: [], Exports: [], stores: new Map(), written: [] };
  const { buildCaches } = await import("./build-caches.ts");
  return buildCaches({ from, to }, (message) => cli.err.write(`WARNING: ${message}\n`));
}

/** By which the builder reads and writes folders with images and caches. */
async function contentServicesOf(
  { layouts }: Inputs,
  { layout }: Outputs,
  caches: Caches,
): Promise<readonly [string, Method][]> {
  const stores = new Map([...caches.stores, ...layouts]);
  if (layout !== undefined) stores.set("export", layout);
  return stores.size === 0 ? [] : (await import("./content-services.ts")).contentServices(stores);
}

function progressKind(text: string): ProgressKind {
  const kind = progressKinds.find((one) => one === text);
  if (kind === undefined) throw invalidArgument(`invalid progress mode ${text}`);
  return kind;
}

function requestOf(
  cli: Cli,
  flags: BuildFlags,
  {
    inputs,
    outputs,
    caches,
    services,
    agents,
  }: {
    inputs: Inputs;
    outputs: Outputs;
    caches: Caches;
    services: readonly [string, Method][];
    agents: ReadonlyMap<string, string>;
  },
): BuildRequest {
  const { Imports, Exports } = caches;
  const prefixed = (prefix: string, values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
  const numbers = {
    memory: flags.memory,
    "memory-swap": flags["memory-swap"],
    "cpu-shares": flags["cpu-shares"],
    "cpu-period": flags["cpu-period"],
    "cpu-quota": flags["cpu-quota"],
    "shm-size": flags["shm-size"],
  };
  const limits = [...flags.ulimit.values()].map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`);
  const said: Record<string, string> = {
    ...inputs.attrs,
    ...prefixed("label:", pairs(flags.label)),
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, value ? String(value) : ""])),
    target: flags.target,
    platform: flags.platform,
    "add-hosts": flags["add-host"].map((host) => host.replace(":", "=")).join(","),
    "cache-imports": Imports.length > 0 ? JSON.stringify(Imports) : "",
    "cgroup-parent": flags["cgroup-parent"],
    "cpuset-cpus": flags["cpuset-cpus"],
    "cpuset-mems": flags["cpuset-mems"],
    "force-network-mode": flags.network === "default" ? "" : flags.network,
    "image-resolve-mode": flags.pull ? "pull" : "",
    "no-cache": flags["no-cache-filter"].join(","),
    ulimit: limits.join(","),
  };
  const attrs = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== ""));
  if (flags["no-cache"]) attrs["no-cache"] = "";
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (epoch) attrs["build-arg:SOURCE_DATE_EPOCH"] = epoch;
  Object.assign(attrs, prefixed("build-arg:", buildArgs(flags["build-arg"], cli)), attestAttrs(flags));
  return {
    attrs,
    entitlements: [...flags.allow, ...(flags.network === "host" ? ["network.host"] : [])],
    exporters: outputs.exporters,
    cache: { Imports, Exports },
    sharedKey: inputs.sharedKey,
    offers: {
      folders: inputs.folders,
      upload: inputs.upload,
      secrets: new Map(flags.secret.map(parseSecret)),
      agents,
      destinations: outputs.destinations,
      further: services,
      credentials: (host) => authForServer(cli.config, host === "registry-1.docker.io" ? hubServer : host),
    },
  };
}

/** The error with the lines that it is about, as they are shown last. */
async function told(error: unknown): Promise<unknown> {
  if (!(error instanceof GrpcError)) return error;
  const place = error.details === undefined ? "" : await placeOf(error.details);
  return new StatusError(1, `${place}ERROR: failed to build: failed to solve: ${error.message}`);
}

async function placeOf(encoded: Uint8Array): Promise<string> {
  const { details } = RpcStatus.decode(encoded);
  const source = details.find(({ type_url }) => type_url.endsWith("errdefs.Source+json"));
  if (source === undefined) return "";
  const { info, ranges } = JSON.parse(Buffer.from(source.value).toString("utf8")) as {
    info?: { filename: string; data: string };
    ranges?: { start: { line: number }; end: { line: number } }[];
  };
  const [range] = ranges ?? [];
  if (info === undefined || range === undefined) return "";
  const { excerpt } = await import("../../dockerfile/errors.ts");
  const text = Buffer.from(info.data, "base64").toString("utf8");
  return `${excerpt(info.filename, text, { start: range.start.line, end: range.end.line })}\n`;
}

function tell(cli: Cli, flags: BuildFlags, answer: Record<string, string>, { destinations }: Outputs): void {
  const id = answer["containerimage.digest"] ?? "";
  if (flags.quiet && id !== "" && !destinations.includes("stdout")) cli.print(id);
  if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
  if (flags["metadata-file"] === "") return;
  const described = Object.entries(answer).map(([name, value]) => {
    const isDescriptor = name === "containerimage.descriptor";
    return [
      name,
      isDescriptor ? (JSON.parse(Buffer.from(value, "base64").toString("utf8")) as unknown) : value,
    ];
  });
  writeFileSync(flags["metadata-file"], `${JSON.stringify(Object.fromEntries(described), null, 2)}\n`);
}
