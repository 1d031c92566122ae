import { invalidArgument } from "../../base/errors.ts";
import {
  type Attestation,
  imageSubjects,
  statementOf,
  unlessTheSame,
} from "../../builder/attest/statements.ts";
import type { Built } from "../../builder/build.ts";
import { composeImage } from "../../builder/export-image.ts";
import { TimeRewriter } from "../../builder/rewrite-times.ts";
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

export interface Composed {
  target: Descriptor;
  /** Of the configuration; empty for an index. */
  config: string;
}

/** A result with what is told of it. */
export interface Attested extends Evaluated {
  attestations: readonly Attestation[];
}

/** An image that is written, but for its place in an index. */
interface Written {
  manifest: Descriptor;
  attested: Attested;
  options: Evaluated["options"];
}

/**
 * The image, or the index of several and of what is told of them, written but without a name; kept by the lease.
 * `alone`: what is only to be told within an image is no reason for an index.
 */
export async function composeResult(
  engine: Engine,
  request: ExportRequest,
  results: readonly Attested[],
  { attrs, names, alone }: { attrs: Output["Attrs"]; names: readonly Reference[]; alone: boolean },
): Promise<Composed> {
  const { blobs } = engine;
  const { lease } = request;
  const said = annotationsOf(attrs);
  const dated = await withTimes(engine, request, results, attrs);
  const written = dated.map(({ built, options, attested }): Written => {
    const platform = formatPlatform(options.platform);
    const descriptor = composeImage(engine.builder, built, options, said.manifest(platform));
    lease.add(descriptor.digest);
    const about = said.manifestDescriptor(platform);
    const annotations = Object.keys(about).length === 0 ? {} : { annotations: about };
    return { manifest: { ...descriptor, platform: options.platform, ...annotations }, attested, options };
  });
  const [only, ...more] = written;
  if (only === undefined) throw invalidArgument("a build needs a platform");
  const wanted = written.some(({ attested }) =>
    attested.attestations.some((one) => !alone || !one.inlineOnly),
  );
  if (more.length === 0 && !wanted) {
    said.refuseIndex();
    return single(engine, only.manifest);
  }
  const attested = wanted
    ? written.flatMap((one) => attestationOf(engine, request, one, { attrs, names }))
    : [];
  const manifests = [...written.map(({ manifest }) => manifest), ...attested];
  const target = composeIndex(blobs, { manifests, annotations: said.index });
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

/** The stages with the times that `SOURCE_DATE_EPOCH` and the output's own attributes ask for. */
async function withTimes(
  engine: Engine,
  { lease, signal }: ExportRequest,
  results: readonly Attested[],
  attrs: Output["Attrs"],
): Promise<{ built: Built; options: Evaluated["options"]; attested: Attested }[]> {
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
