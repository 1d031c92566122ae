import { invalidArgument } from "../../base/errors.ts";
import { Filters } from "../../base/filters.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import { inspectRemote } from "../../distribution/inspect.ts";
import { login } from "../../distribution/login.ts";
import type { ProgressSink } from "../../distribution/progress.ts";
import { pull } from "../../distribution/pull.ts";
import { push } from "../../distribution/push.ts";
import { search } from "../../distribution/search.ts";
import type { Engine } from "../../engine/engine.ts";
import { inspectImage } from "../../engine/image-inspect.ts";
import { imageSummaries, imageSummaryFilters } from "../../engine/image-list.ts";
import { attestationsOf } from "../../engine/image-manifests.ts";
import { imagePruneFilters, pruneImages } from "../../engine/image-prune.ts";
import { type ImportRequest, importImage } from "../../engine/import-image.ts";
import { saveImages } from "../../engine/save-images.ts";
import { parseDigest } from "../../oci/digest.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import {
  familiarString,
  parseReference,
  type Reference,
  withDefaultTag,
  withDigest,
  withTag,
} from "../../oci/reference.ts";
import { type ApiRequest, defineHandlers, type Handlers } from "../http/handler.ts";

/** Newer clients send a platform as JSON, older ones as `os/arch/variant`. Throws `invalidArgument`. */
function platformOf(text: string): Platform | undefined {
  if (text === "") return undefined;
  if (!text.startsWith("{")) return parsePlatform(text);
  const { os, architecture, variant } = JSON.parse(text) as Partial<Platform>;
  return parsePlatform([os, architecture, variant].filter(Boolean).join("/"));
}

const platformsOf = (texts: readonly string[]) =>
  texts.map(platformOf).filter((platform) => platform !== undefined);

function platformOption(text: string): { platform?: Platform } {
  const platform = platformOf(text);
  return platform === undefined ? {} : { platform };
}

function importRequest(
  { query, body, signal }: ApiRequest<"ImageCreate">,
  onMessage: ProgressSink,
): ImportRequest {
  const { repo, tag } = query;
  const named = repo === "" ? undefined : parseReference(repo);
  if (named?.digest !== undefined) throw invalidArgument("cannot import digest reference");
  return {
    source: query.fromSrc,
    body,
    reference: named && (tag === "" ? withDefaultTag(named) : withTag(named, tag)),
    message: query.message,
    changes: query.changes,
    platform: platformOf(query.platform),
    signal,
    onMessage,
  };
}

/** What a pull is asked for: `tag` may be a digest; without tag and digest all tags are meant. */
function pullReference(fromImage: string, tag: string): Reference {
  const named = parseReference(fromImage);
  if (tag === "") return named;
  return tag.includes(":") ? withDigest(named, parseDigest(tag)) : withTag(named, tag);
}

function starsOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(`invalid filter 'stars=${text}'`);
  return Number(text);
}

const searchFilters = ["is-automated", "is-official", "stars"];

/** The operations of `/images`, `/distribution` and `/auth`. */
export function imageHandlers(engine: Engine): Handlers {
  const { images, transport, blobs, layers, workers } = engine;
  const event = (action: string, id: string, name: string) =>
    engine.events.emit("image", action, id, { name });
  return defineHandlers({
    ImageList: ({ query }) =>
      imageSummaries(engine, {
        all: query.all,
        filters: Filters.from(query.filters, imageSummaryFilters),
        sharedSize: query["shared-size"],
        manifests: query.manifests,
        identity: query.identity,
      }),

    ImageInspect: ({ params, query }) =>
      inspectImage(engine, images.resolve(params.name, platformOf(query.platform)), {
        manifests: query.manifests,
      }),

    ImageAttestations({ params, query }) {
      if (query.platform.length > 1) throw invalidArgument("only one platform can be specified");
      const image = images.resolve(params.name, platformOf(query.platform[0] ?? ""));
      return attestationsOf(engine, image, { types: query.type, statement: query.statement });
    },

    ImageHistory: ({ params, query }) =>
      images.history(params.name, platformOf(query.platform)).map((item) => ({
        Comment: item.comment,
        Created: item.created,
        CreatedBy: item.createdBy,
        Id: item.id,
        Size: item.size,
        Tags: item.tags.length > 0 ? item.tags : null,
      })),

    async ImageCreate(request, reply) {
      const { fromImage, fromSrc, tag, platform } = request.query;
      if (fromSrc !== "") {
        const asked = importRequest(request, (message) => void reply.send(message));
        await reply.send({ status: await importImage(engine, asked) });
        return;
      }
      const reference = pullReference(fromImage, tag);
      const pulled = await pull(
        {
          reference,
          credentials: (request.registryAuth ?? {}) as Credentials,
          signal: request.signal,
          ...platformOption(platform),
        },
        { transport, blobs, layers, images },
        (message) => void reply.send(message),
      );
      engine.dropper.soon();
      for (const one of pulled) {
        const name = familiarString(one.reference);
        event("pull", name, name);
      }
    },

    async ImagePush(request, reply) {
      const { tag, platform } = request.query;
      const named = parseReference(request.params.name);
      const reference = tag === "" ? named : withTag(named, tag);
      await push(
        {
          reference,
          credentials: (request.registryAuth ?? {}) as Credentials,
          signal: request.signal,
          ...platformOption(platform),
        },
        { transport, blobs, images, workers },
        (message) => void reply.send(message),
      );
      engine.dropper.soon();
      event("push", familiarString(reference), familiarString(reference));
    },

    ImageTag({ params, query }) {
      const named = parseReference(query.repo);
      if (named.digest !== undefined)
        throw invalidArgument("refusing to create a tag with a digest reference");
      const reference = query.tag === "" ? withDefaultTag(named) : withTag(named, query.tag);
      images.tag(params.name, reference);
    },

    ImageDelete({ params, query }) {
      const platforms = platformsOf(query.platforms);
      return images.remove(params.name, { force: query.force, platforms });
    },

    async ImagePrune({ query }) {
      return pruneImages(engine, Filters.from(query.filters, imagePruneFilters));
    },

    ImageGet: ({ params, query, signal }) =>
      saveImages(engine, [params.name], platformsOf(query.platform), signal),

    ImageGetAll: ({ query, signal }) => saveImages(engine, query.names, platformsOf(query.platform), signal),

    async ImageLoad({ body, signal, query }, reply) {
      await images.load(body, {
        signal,
        quiet: query.quiet,
        platform: platformOf(query.platform[0] ?? ""),
        onMessage: (message) => void reply.send(message),
      });
    },

    async ImageSearch({ query, registryAuth, signal }) {
      const filters = Filters.from(query.filters, searchFilters);
      const stars = Math.max(0, ...filters.get("stars").map(starsOf));
      const official = filters.boolean("is-official");
      const automated = filters.boolean("is-automated");
      const found = await search(transport, {
        term: query.term,
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        credentials: (registryAuth ?? {}) as Credentials,
        signal,
      });
      return found
        .filter((one) => one.starCount >= stars)
        .filter((one) => official === undefined || one.isOfficial === official)
        .filter((one) => automated === undefined || one.isAutomated === automated)
        .map((one) => ({
          star_count: one.starCount,
          is_official: one.isOfficial,
          name: one.name,
          is_automated: one.isAutomated,
          description: one.description,
        }));
    },

    async DistributionInspect({ params, registryAuth, signal }) {
      const remote = await inspectRemote(
        transport,
        parseReference(params.name),
        (registryAuth ?? {}) as Credentials,
        signal,
      );
      return { Descriptor: remote.descriptor, Platforms: remote.platforms };
    },

    async SystemAuth({ body, signal }) {
      const { identityToken } = await login(transport, body as Credentials, signal);
      return { Status: "Login Succeeded", IdentityToken: identityToken };
    },
  });
}
