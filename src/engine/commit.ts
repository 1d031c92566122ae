import type { ContainerConfig } from "../api/containers.ts";
import { conflict, invalidArgument } from "../base/errors.ts";
import { type Container, processArguments } from "../containers/container.ts";
import { mergeConfig } from "../containers/merge-config.ts";
import { containerPaths } from "../containers/paths.ts";
import { pauseContainer, unpauseContainer } from "../containers/pause.ts";
import { commitImage } from "../images/commit.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageRunConfig } from "../oci/image-config.ts";
import { familiarString, type Reference } from "../oci/reference.ts";
import { applyChanges } from "./config-changes.ts";
import type { Engine } from "./engine.ts";

export interface CommitRequest {
  container: Container;
  /** What the new image's configuration is to say instead of the container's. */
  config: ContainerConfig | undefined;
  changes: readonly string[];
  reference: Reference | undefined;
  author: string;
  comment: string;
  /** Processes stand still while their files are read. */
  pause: boolean;
  signal: AbortSignal;
}

/** `docker commit`: the id of the new image. Throws `conflict` for a container that is going. */
export async function commitContainer(engine: Engine, request: CommitRequest): Promise<Digest> {
  const { container, reference, comment } = request;
  const { status } = container.state;
  if (status === "removing" || status === "dead") {
    throw conflict(
      `You cannot commit container ${container.id} which is ${status === "dead" ? "Dead" : "being removed"}`,
    );
  }
  if (reference?.digest !== undefined)
    throw invalidArgument("refusing to create a tag with a digest reference");
  const config = runConfig(request);
  const deps = engine.containers;
  await using _ = request.pause && status === "running" ? await frozen(engine, container) : undefined;
  const id = await commitImage(engine, {
    base: engine.images.resolve(container.spec.imageId),
    upper: containerPaths(deps.roots, container.id).upper,
    config,
    reference,
    author: request.author,
    comment,
    createdBy: processArguments(container.spec.config).join(" "),
    signal: request.signal,
  });
  const imageRef = reference ? familiarString(reference) : "";
  if (reference) engine.events.emit("image", "tag", id, { name: imageRef });
  deps.events("commit", container, { comment, imageID: id, imageRef });
  return id;
}

async function frozen(engine: Engine, container: Container): Promise<AsyncDisposable> {
  await pauseContainer(engine.containers, container);
  return { [Symbol.asyncDispose]: () => unpauseContainer(engine.containers, container) };
}

/** Of the container's configuration, what an image can say. */
function runConfig({ container, config, changes }: CommitRequest): ImageRunConfig {
  const own = container.spec.config;
  const asked = config && Object.keys(config).length > 0 ? config : own;
  const merged = mergeConfig(
    { ...asked, ...applyChanges(imageConfigOf(asked), changes) },
    imageConfigOf(own),
  );
  return imageConfigOf(merged);
}

function imageConfigOf(config: ContainerConfig): ImageRunConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal } = config;
  const { Healthcheck, OnBuild, Shell, StopTimeout } = config;
  const chosen = {
    User,
    ExposedPorts,
    Env,
    Entrypoint,
    Cmd,
    Volumes,
    WorkingDir,
    Labels,
    StopSignal,
    Healthcheck,
    OnBuild,
    Shell,
    StopTimeout,
  };
  const isSet = (value: unknown) =>
    value !== undefined &&
    value !== null &&
    value !== "" &&
    !(typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => isSet(value)));
}
