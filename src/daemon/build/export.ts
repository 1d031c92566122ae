import { packStream } from "../../archive/pack-stream.ts";
import type { Cleanups } from "../../base/disposables.ts";
import { invalidArgument, notImplemented } from "../../base/errors.ts";
import { composeImage } from "../../builder/export-image.ts";
import { TimeRewriter } from "../../builder/rewrite-times.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import { sendStream, sendTree } from "../../builder/session/send-files.ts";
import { credentialsOf } from "../../builder/session/services.ts";
import type { StageState } from "../../builder/stage-state.ts";
import { WorkRoot } from "../../builder/work-root.ts";
import { push } from "../../distribution/push.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Lease } from "../../images/blobs.ts";
import { composeIndex } from "../../images/compose.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import {
  familiarString,
  fullName,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../oci/reference.ts";
import type { Evaluated } from "./evaluate.ts";
import { epochOf, withPrefix } from "./frontend-options.ts";
import type { StatusProgress } from "./status-progress.ts";

/** What is to become of a build: `{ Type: "image", Attrs: { name: "a,b", push: "true" } }`. */
export interface Output {
  Type: string;
  Attrs: Readonly<Record<string, string>>;
}

export interface ExportRequest {
  session: ClientSession;
  progress: StatusProgress;
  lease: Lease;
  owned: Cleanups;
  signal: AbortSignal;
}

/** What a client is told of an output: `containerimage.digest` and the like. */
export type ExportAnswer = Record<string, string>;

/** Hands the result over as each of `outputs` says. Throws `invalidArgument` for what is no kind of output. */
export async function exportAll(
  engine: Engine,
  request: ExportRequest,
  results: readonly Evaluated[],
  outputs: readonly Output[],
): Promise<ExportAnswer> {
  const answers: ExportAnswer = {};
  for (const [number, output] of outputs.entries()) {
    Object.assign(answers, await exportOne(engine, request, results, { ...output, number }));
  }
  return answers;
}

type Numbered = Output & { number: number };

async function exportOne(
  engine: Engine,
  request: ExportRequest,
  results: readonly Evaluated[],
  output: Numbered,
): Promise<ExportAnswer> {
  switch (output.Type) {
    case "moby":
    case "image":
      return exportImage(engine, request, results, output);
    case "docker":
    case "oci":
      return exportArchive(engine, request, results, output);
    case "local":
    case "tar":
      return exportFiles(engine, request, results, output);
    case "cacheonly":
      return {};
    default:
      throw invalidArgument(`exporter ${JSON.stringify(output.Type)} could not be found`);
  }
}

/** Throws `invalidArgument` for a name with a digest. */
export function namesOf(text: string | undefined): Reference[] {
  return (text ?? "")
    .split(",")
    .filter((name) => name !== "")
    .map((name) => {
      const reference = parseReference(name);
      if (reference.digest !== undefined) throw invalidArgument("build tag cannot contain a digest");
      return withDefaultTag(reference);
    });
}

interface Composed {
  target: Descriptor;
  /** Empty where there are several. */
  config: string;
}

/** The stages with the times that `SOURCE_DATE_EPOCH` and the output's own attributes ask for. */
async function withTimes(
  engine: Engine,
  { lease, signal }: ExportRequest,
  results: readonly Evaluated[],
  attrs: Output["Attrs"],
): Promise<{ state: StageState; options: Evaluated["options"] }[]> {
  const epoch = epochOf(attrs["source-date-epoch"]) ?? results[0]?.options.epoch;
  const isAsked = boolOf(attrs, "rewrite-timestamp");
  const rewriter =
    isAsked && epoch !== undefined ? new TimeRewriter(engine.builder, epoch, lease, signal) : undefined;
  const dated = [];
  for (const { built, options } of results) {
    const state = (await rewriter?.rewrite(built.state)) ?? built.state;
    dated.push({ state, options: { ...options, epoch } });
  }
  return dated;
}

/** Throws `invalidArgument` for what is neither true nor false; an empty value is true. */
function boolOf(attrs: Output["Attrs"], name: string): boolean {
  const text = attrs[name];
  if (text === undefined) return false;
  if (/^(|1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw invalidArgument(`non-bool value specified for ${name}`);
}

/** The image, or the index of several, written but without a name; kept by the lease. */
async function compose(
  engine: Engine,
  request: ExportRequest,
  results: readonly Evaluated[],
  attrs: Output["Attrs"],
): Promise<Composed> {
  const { blobs } = engine;
  const { lease } = request;
  const dated = await withTimes(engine, request, results, attrs);
  const manifests = dated.map(({ state, options }) => {
    const platform = formatPlatform(options.platform);
    const annotations = {
      ...withPrefix(attrs, "annotation."),
      ...withPrefix(attrs, "annotation-manifest."),
      ...withPrefix(attrs, `annotation[${platform}].`),
      ...withPrefix(attrs, `annotation-manifest[${platform}].`),
    };
    const descriptor = composeImage(engine.builder, state, options, annotations);
    lease.add(descriptor.digest);
    const about = withPrefix(attrs, `annotation-manifest-descriptor[${platform}].`);
    const own = { ...withPrefix(attrs, "annotation-manifest-descriptor."), ...about };
    const said = Object.keys(own).length === 0 ? {} : { annotations: own };
    return { ...descriptor, platform: options.platform, ...said };
  });
  const [only, ...more] = manifests;
  if (only === undefined) throw invalidArgument("a build needs a platform");
  const { config } = JSON.parse(Buffer.from(blobs.read(only.digest)).toString("utf8")) as {
    config: Descriptor;
  };
  if (more.length === 0) {
    const { mediaType, digest, size } = only;
    return { target: { mediaType, digest, size }, config: config.digest };
  }
  const target = composeIndex(blobs, { manifests, annotations: withPrefix(attrs, "annotation-index.") });
  lease.add(target.digest);
  return { target, config: "" };
}

function answerOf({ target, config }: Composed, names: readonly Reference[]): ExportAnswer {
  return {
    "containerimage.digest": target.digest,
    ...(config !== "" && { "containerimage.config.digest": config }),
    "containerimage.descriptor": Buffer.from(JSON.stringify(target)).toString("base64"),
    ...(names.length > 0 && { "image.name": names.map(nameIn).join(",") }),
  };
}

const nameIn = (name: Reference) => `${fullName(name)}:${name.tag}`;

function exportImage(
  engine: Engine,
  request: ExportRequest,
  results: readonly Evaluated[],
  { Attrs }: Numbered,
): Promise<ExportAnswer> {
  const { progress } = request;
  const names = namesOf(Attrs.name);
  return progress.task("exporting to image", async (vertex) => {
    const line = async (text: string, work: () => Promise<void> | void) => {
      progress.status(vertex, text, { isDone: false });
      await work();
      progress.status(vertex, text, { isDone: true });
    };
    const composed = await compose(engine, request, results, Attrs);
    const { target } = composed;
    await line(`writing image ${target.digest}`, () => {
      // What is only pushed needs no row here.
      if (Attrs.store !== "false" || Attrs.push !== "true") engine.images.put(target);
    });
    for (const name of names) {
      await line(`naming to ${nameIn(name)}`, () => engine.images.put(target, name));
    }
    if (Attrs.push === "true") {
      if (names.length === 0) throw invalidArgument("tag is needed when pushing to registry");
      for (const name of names) {
        await line(`pushing ${nameIn(name)}`, async () => {
          // What the registry has is what others will ask for.
          composed.target = (await pushTo(engine, request, name)) ?? composed.target;
        });
      }
    }
    return answerOf(composed, names);
  });
}

async function pushTo(
  engine: Engine,
  { session, signal }: ExportRequest,
  name: Reference,
): Promise<Descriptor | undefined> {
  const credentials = await credentialsOf(session, name.domain, signal);
  const [pushed] = await push({ reference: name, credentials, signal }, engine, () => {});
  engine.events.emit("image", "push", familiarString(name), { name: familiarString(name) });
  return pushed?.descriptor;
}

function exportArchive(
  engine: Engine,
  request: ExportRequest,
  results: readonly Evaluated[],
  { Type, Attrs, number }: Numbered,
): Promise<ExportAnswer> {
  const { progress, session, signal } = request;
  if (Attrs.tar === "false") throw notImplemented(`output ${Type} with tar=false is not supported`);
  const names = namesOf(Attrs.name);
  const kind = Type === "oci" ? "oci image format" : "docker image format";
  return progress.task(`exporting to ${kind}`, async (vertex) => {
    const composed = await compose(engine, request, results, Attrs);
    progress.status(vertex, "sending tarball", { isDone: false });
    await engine.images.archived(composed.target, names.map(nameIn), (pieces) =>
      sendStream(session, pieces, { number, signal }),
    );
    progress.status(vertex, "sending tarball", { isDone: true });
    return answerOf(composed, names);
  });
}

/** The files of the result, without the image around them. */
async function exportFiles(
  engine: Engine,
  { session, progress, owned, signal }: ExportRequest,
  results: readonly Evaluated[],
  { Type, number }: Numbered,
): Promise<ExportAnswer> {
  const [result, ...more] = results;
  if (result === undefined || more.length > 0) {
    throw notImplemented(`output ${Type} of several platforms is not supported`);
  }
  const root = await WorkRoot.create(engine.builder, result.built.state);
  owned.add(() => root[Symbol.asyncDispose]());
  const tree = root.mountPlain();
  const [title, line] =
    Type === "tar"
      ? ["exporting to client tarball", "sending tarball"]
      : ["exporting to client directory", "copying files"];
  await progress.task(title, async (vertex) => {
    progress.status(vertex, line, { isDone: false });
    const to = { number, signal };
    if (Type === "tar") await sendStream(session, packStream(engine.packers, { tree }), to);
    else await sendTree(session, tree, to);
    progress.status(vertex, line, { isDone: true });
  });
  return {};
}
