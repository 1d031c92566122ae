import type { Cleanups } from "../../base/disposables.ts";
import { invalidArgument } from "../../base/errors.ts";
import type { ClientSession } from "../../builder/session/client-session.ts";
import { ClientContent } from "../../builder/session/content-store.ts";
import { sendStream } from "../../builder/session/send-files.ts";
import { credentialsOf } from "../../builder/session/services.ts";
import { push } from "../../distribution/push.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Lease } from "../../images/blobs.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import {
  familiarString,
  fullName,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../oci/reference.ts";
import { attest } from "./attest.ts";
import { boolOf } from "./bool-attr.ts";
import { type Attested, type Composed, composeResult } from "./compose-result.ts";
import type { Evaluated } from "./evaluate.ts";
import { exportFiles } from "./export-files.ts";
import type { FrontendAttrs } from "./frontend-options.ts";
import { asksForLayerForm } from "./layer-form.ts";
import type { StatusProgress } from "./status-progress.ts";

/** What is to become of a build: `{ Type: "image", Attrs: { name: "a,b", push: "true" } }`. */
export interface Output {
  Type: string;
  Attrs: Readonly<Record<string, string>>;
}

export interface ExportRequest {
  session: ClientSession;
  /** What is said of the result beside the frontend's own attributes: `attest:provenance` and the like. */
  attrs: FrontendAttrs;
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
  const attested: Attested[] = [];
  for (const result of results) {
    // What nobody takes need not be told of.
    const attestations = outputs.length === 0 ? [] : await attest(engine, request, result);
    attested.push({ ...result, attestations });
  }
  for (const [number, output] of outputs.entries()) {
    Object.assign(answers, await exportOne(engine, request, attested, { ...output, number }));
  }
  return answers;
}

export type Numbered = Output & { number: number };

async function exportOne(
  engine: Engine,
  request: ExportRequest,
  results: readonly Attested[],
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
      await exportFiles(engine, request, results, output);
      return {};
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
  results: readonly Attested[],
  { Type, Attrs }: Numbered,
): Promise<ExportAnswer> {
  const { progress } = request;
  const names = namesOf(Attrs.name);
  return progress.task("exporting to image", async (vertex) => {
    const line = async (text: string, work: () => Promise<void> | void) => {
      progress.status(vertex, text, { isDone: false });
      await work();
      progress.status(vertex, text, { isDone: true });
    };
    const composed = await composeResult(engine, request, results, {
      type: Type,
      attrs: Attrs,
      names,
      alone: false,
    });
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
          composed.target = (await pushTo(engine, request, name, asksForLayerForm(Attrs))) ?? composed.target;
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
  asIs: boolean,
): Promise<Descriptor | undefined> {
  const credentials = await credentialsOf(session, name.domain, signal);
  const [pushed] = await push({ reference: name, credentials, signal, asIs }, engine, () => {});
  engine.events.emit("image", "push", familiarString(name), { name: familiarString(name) });
  return pushed?.descriptor;
}

function exportArchive(
  engine: Engine,
  request: ExportRequest,
  results: readonly Attested[],
  { Type, Attrs, number }: Numbered,
): Promise<ExportAnswer> {
  const { progress, session, signal } = request;
  const isTar = boolOf(Attrs, "tar", true);
  const names = namesOf(Attrs.name);
  const kind = Type === "oci" ? "oci image format" : "docker image format";
  return progress.task(`exporting to ${kind}`, async (vertex) => {
    const composed = await composeResult(engine, request, results, {
      type: Type,
      attrs: Attrs,
      names,
      alone: true,
    });
    if (!isTar) {
      await sendBlobs(engine, request, composed.target);
      return answerOf(composed, names);
    }
    progress.status(vertex, "sending tarball", { isDone: false });
    await engine.images.archived(composed.target, names.map(nameIn), (pieces) =>
      sendStream(session, pieces, { number, signal }),
    );
    progress.status(vertex, "sending tarball", { isDone: true });
    return answerOf(composed, names);
  });
}

/** What clients call the folder that an image goes to; they name what is in it by themselves. */
const layoutStore = "export";

/** The blobs of an image into a folder of the client, an OCI image layout. */
async function sendBlobs(engine: Engine, { session, signal }: ExportRequest, target: Descriptor) {
  const content = new ClientContent(session, layoutStore);
  for (const blob of engine.images.blobsOf(target)) {
    await content.write(blob, (offset) => engine.blobs.stream(blob.digest, offset), signal);
  }
}
