import type { CommandNode } from "../command.ts";

export const build: CommandNode = {
  name: "build",
  short: "Make an image of a Dockerfile",
  paths: ["docker image build", "docker build", "docker builder build"],
  load: () => import("../commands/image/build.ts"),
};
export const history: CommandNode = {
  name: "history",
  short: "Show how an image was made",
  paths: ["docker image history", "docker history"],
  load: () => import("../commands/image/history.ts"),
};
export const importNode: CommandNode = {
  name: "import",
  short: "Make an image from a tar archive of files",
  paths: ["docker image import", "docker import"],
  load: () => import("../commands/image/import.ts"),
};
export const load: CommandNode = {
  name: "load",
  short: "Read images from a tar archive or standard input",
  paths: ["docker image load", "docker load"],
  load: () => import("../commands/image/load.ts"),
};
export const imageList: CommandNode = {
  name: "ls",
  aliases: ["list"],
  short: "List images",
  paths: ["docker image ls", "docker image list", "docker images"],
  load: () => import("../commands/image/ls.ts"),
};
export const pull: CommandNode = {
  name: "pull",
  short: "Fetch an image from a registry",
  paths: ["docker image pull", "docker pull"],
  load: () => import("../commands/image/pull.ts"),
};
export const push: CommandNode = {
  name: "push",
  short: "Send an image to a registry",
  paths: ["docker image push", "docker push"],
  load: () => import("../commands/image/push.ts"),
};
export const imageRemove: CommandNode = {
  name: "rm",
  aliases: ["remove"],
  short: "Remove images",
  paths: ["docker image rm", "docker image remove", "docker rmi"],
  load: () => import("../commands/image/rm.ts"),
};
export const save: CommandNode = {
  name: "save",
  short: "Write images to a tar archive (to standard output unless told otherwise)",
  paths: ["docker image save", "docker save"],
  load: () => import("../commands/image/save.ts"),
};
export const tag: CommandNode = {
  name: "tag",
  short: "Give SOURCE_IMAGE the further name TARGET_IMAGE",
  paths: ["docker image tag", "docker tag"],
  load: () => import("../commands/image/tag.ts"),
};

/** `docker image`. */
export const image: CommandNode = {
  name: "image",
  short: "Manage images",
  group: "management",
  children: [
    build,
    history,
    importNode,
    {
      name: "inspect",
      short: "Show everything about images",
      load: () => import("../commands/image/inspect.ts"),
    },
    load,
    imageList,
    {
      name: "prune",
      short: "Remove images that nothing uses",
      since: "1.25",
      load: () => import("../commands/image/prune.ts"),
    },
    pull,
    push,
    imageRemove,
    save,
    tag,
  ],
};

/** `docker builder`. */
export const builder: CommandNode = {
  name: "builder",
  short: "Manage builds",
  group: "management",
  children: [
    build,
    {
      name: "prune",
      short: "Remove results of build steps",
      load: () => import("../commands/builder/prune.ts"),
    },
  ],
};
