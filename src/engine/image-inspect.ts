import type { ImageInspect } from "../api/images.ts";
import { rfc3339Nano, zeroTime } from "../base/clock.ts";
import type { Image } from "../images/image.ts";
import type { Engine } from "./engine.ts";
import { identityOf } from "./image-identity.ts";
import { manifestSummaries } from "./image-manifests.ts";

/** `GET /images/{name}/json`. */
export function inspectImage(engine: Engine, image: Image, options: { manifests: boolean }): ImageInspect {
  const { config, platform, layers } = image;
  const last = config.history?.at(-1);
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: last?.comment ?? "",
    Created: image.created ?? zeroTime,
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: config.config ?? {},
    Architecture: platform.architecture,
    Variant: platform.variant ?? "",
    Os: platform.os,
    OsVersion: platform["os.version"] ?? "",
    Size: image.size,
    VirtualSize: image.size,
    GraphDriver: { Name: "overlay2", Data: graphData(engine, image) },
    RootFS: { Type: "layers", Layers: layers },
    Metadata: { LastTagTime: image.lastTagged === undefined ? zeroTime : rfc3339Nano(image.lastTagged) },
    Descriptor: image.target as ImageInspect["Descriptor"],
    Identity: identityOf(engine, image),
    ...(options.manifests ? { Manifests: manifestSummaries(engine, image) } : {}),
  };
}

function graphData({ layers: store }: Engine, { layers }: Image): Record<string, string> | null {
  const paths = layers.filter((layer) => store.has(layer)).map((layer) => store.path(layer));
  return paths.length > 0 ? { LowerDir: paths.toReversed().join(":") } : null;
}
