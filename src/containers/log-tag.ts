import { hostname } from "node:os";
import { invalidArgument, messageOf } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { parseTemplate } from "../gotemplate/template.ts";
import { type GoMethod, type GoType, stringType } from "../gotemplate/types.ts";
import { type Container, processArguments } from "./container.ts";

const method = (call: (container: Container) => string): GoMethod => ({
  parameters: [],
  call: (receiver) => ({ type: stringType, raw: call(receiver as Container) }),
});

/** `sha256:` is no part of what a tag shows. */
const plainDigest = (digest: string) => digest.slice(digest.indexOf(":") + 1);

/** What a template of the log option `tag` can name. */
const infoType: GoType = {
  kind: "struct",
  name: "*logger.Info",
  fields: [],
  methods: {
    ID: method(({ id }) => shortId(id)),
    FullID: method(({ id }) => id),
    ContainerID: method(({ id }) => id),
    Name: method(({ name }) => name),
    ContainerName: method(({ name }) => `/${name}`),
    ImageID: method(({ spec }) => shortId(plainDigest(spec.imageId))),
    ImageFullID: method(({ spec }) => spec.imageId),
    ContainerImageID: method(({ spec }) => spec.imageId),
    ImageName: method(({ spec }) => spec.config.Image ?? ""),
    ContainerImageName: method(({ spec }) => spec.config.Image ?? ""),
    DaemonName: method(() => "docker"),
    Hostname: method(() => hostname()),
    Command: method(({ spec }) => processArguments(spec.config).join(" ")),
  },
};

/** Carries out a template of the log option `tag`. Throws `invalidArgument`, in Go's words. */
export function logTag(container: Container, template: string): string {
  try {
    return parseTemplate(template, "log-tag").execute({ type: infoType, raw: container });
  } catch (error) {
    throw invalidArgument(messageOf(error), error);
  }
}
