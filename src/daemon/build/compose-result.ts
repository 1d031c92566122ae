import { invalidArgument } from "../../base/errors.ts";
import {
  type Attestation,
  imageSubjects,
  statementOf,
  unlessTheSame,
} from "../../builder/attest/statements.ts";
import type { Built } from "../../builder/build.ts";
import { composeImage } from "../../builder/export-image.ts";
import { LayerRecoder } from "../../builder/layer-recoder.ts";
import { TimeRewriter } from "../../builder/rewrite-times.ts";
import { withDigests } from "../../distribution/restate.ts";
import type { Engine } from "../../engine/engine.ts";
import { composeIndex } from "../../images/compose.ts";
import { composeAttestation } from "../../images/compose-attestation.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import { fullString, type Reference } from "../../oci/reference.ts";
import { annotationsOf } from "./annotations.ts";
import { boolOf } from "./bool-attr.ts";
import type { Evaluated } from "./evaluate.ts";
import type { ExportRequest, Output } from "./export.ts";
import { epochOf } from "./frontend-options.ts";
import { asksForLayerForm, layerFormOf } from "./layer-form.ts";

export interface Composed {
  target: Descriptor;
  /** Of the configuration; empty for an index. */
  config: string;
}

/** A result with what is told of it. */
export interface Attested extends Evaluated {
  attestations: readonly Attestation[];
}

export interface Wanted {
  type: Output["Type"];
  attrs: Output["Attrs"];
  names: readonly Reference[];
  /** What is only to be told within an image is no reason for an index. */
  alone: boolean;
}

/** An image that is written, but for its place in an index. */
interface Written {
  manifest: Descriptor;
  attested: Attested;
  options: Evaluated["options"];
}

/** The image, or the index of several and of what is told of them, written but without a name; kept by the lease. */
export async function composeResult(
  engine: Engine,
  request: ExportRequest,
  results: readonly Attested[],
  { type, attrs, names, alone }: Wanted,
): Promise<Composed> {
  const { blobs } = engine;
  const { lease } = request;
  const said = annotationsOf(attrs);
  const wanted = results.some(({ attestations }) => attestations.some((one) => !alone || !one.inlineOnly));
  // Docker's types know of nothing that is told of an image.
  const dockerTypes = !boolOf(attrs, "oci-mediatypes", type !== "docker") && !wanted;
  const dated = await withTimes(engine, request, results, attrs);
  const recoded = await withForm(engine, request, dated, attrs);
  const written = recoded.map(({ built, options, attested }): Written => {
    const platform = formatPlatform(options.platform);
    const annotations = said.manifest(platform);
    const descriptor = composeImage(engine.builder, built, options, { annotations, dockerTypes });
    lease.add(descriptor.digest);
    const about = said.manifestDescriptor(platform);
    const told = Object.keys(about).length === 0 ? {} : { annotations: about };
    return { manifest: { ...descriptor, platform: options.platform, ...told }, attested, options };
  });
  const [only, ...more] = written;
  if (only === undefined) throw invalidArgument("a build needs a platform");
  if (more.length === 0 && !wanted) {
    said.refuseIndex();
    return single(engine, only.manifest);
  }
  const attested = wanted
    ? written.flatMap((one) => attestationOf(engine, request, one, { attrs, names }))
    : [];
  const manifests = [...written.map(({ manifest }) => manifest), ...attested];
  const target = composeIndex(blobs, { manifests, annotations: said.index, dockerTypes });
  lease.add(target.digest);
  const about = said.indexDescriptor;
  return {
    target: Object.keys(about).length === 0 ? target : { ...target, annotations: about },
    config: "",
  };
}

function single({ blobs }: Engine, { mediaType, digest, size, annotations }: Descriptor): Composed {
  const { config } = JSON.parse(Buffer.from(blobs.read(digest)).toString("utf8")) as { config: Descriptor };
  return { target: { mediaType, digest, size, ...(annotations && { annotations }) }, config: config.digest };
}

function attestationOf(
  engine: Engine,
  { lease }: ExportRequest,
  { manifest, attested, options }: Written,
  { attrs, names }: { attrs: Output["Attrs"]; names: readonly Reference[] },
): Descriptor[] {
  const { digest } = manifest;
  if (attested.attestations.length === 0) return [];
  const subjects = imageSubjects(names.map(fullString), options.platform, digest);
  const statements = attested.attestations.map((one) => statementOf(one, subjects));
  const same = unlessTheSame(engine.blobs, statements, digest, earlierOf(engine, names, digest));
  const artifact = boolOf(attrs, "oci-artifact");
  const described = composeAttestation(engine.blobs, manifest, same, { artifact });
  lease.add(described.digest);
  return [described];
}

/** The images that the result may be the same as: what its names mean now, or those without a name. */
function earlierOf({ images }: Engine, names: readonly Reference[], manifest: Digest): Digest[] {
  if (names.length > 0) return names.map((name) => images.targetOf(name)).filter((one) => one !== undefined);
  return images
    .list()
    .filter(({ manifestDigest, repoTags }) => manifestDigest === manifest && repoTags.length === 0)
    .map(({ id }) => id);
}

interface Dated {
  built: Built;
  options: Evaluated["options"];
  attested: Attested;
}

/** The stages with their layers compressed as the output asks for, and what is told of them with the digests of these. */
async function withForm(
  engine: Engine,
  { lease, signal }: ExportRequest,
  results: readonly Dated[],
  attrs: Output["Attrs"],
): Promise<readonly Dated[]> {
  if (!asksForLayerForm(attrs)) return results;
  const form = { ...layerFormOf(attrs), ociTypes: true };
  const recoder = new LayerRecoder(engine.builder, form, lease, signal);
  const recoded = [];
  for (const { built, options, attested } of results) {
    const state = await recoder.recode(built.state);
    const attestations = attested.attestations.map((one) => ({
      ...one,
      predicate: withDigests(one.predicate, recoder.replaced),
    }));
    recoded.push({ built: { ...built, state }, options, attested: { ...attested, attestations } });
  }
  return recoded;
}

/** The stages with the times that `SOURCE_DATE_EPOCH` and the output's own attributes ask for. */
async function withTimes(
  engine: Engine,
  { lease, signal }: ExportRequest,
  results: readonly Attested[],
  attrs: Output["Attrs"],
): Promise<Dated[]> {
  const epoch = epochOf(attrs["source-date-epoch"]) ?? results[0]?.options.epoch;
  const isAsked = boolOf(attrs, "rewrite-timestamp");
  const rewriter =
    isAsked && epoch !== undefined ? new TimeRewriter(engine.builder, epoch, lease, signal) : undefined;
  const dated = [];
  for (const attested of results) {
    const { built, options } = attested;
    const state = (await rewriter?.rewrite(built.state)) ?? built.state;
    dated.push({ built: { ...built, state }, options: { ...options, epoch }, attested });
  }
  return dated;
}
