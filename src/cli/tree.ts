import type { CommandNode } from "./command.ts";

/**
 * All commands. The names and one-line descriptions are here, so that help needs no command's code; each command is
 * a file of its own in `commands/`, loaded when it is called.
 */

const attach: CommandNode = {
  name: "attach",
  short: "Connect this terminal's input, output and error to a running container",
  paths: ["docker container attach", "docker attach"],
  load: () => import("./commands/container/attach.ts"),
};
const commit: CommandNode = {
  name: "commit",
  short: "Make an image out of what a container has changed",
  paths: ["docker container commit", "docker commit"],
  load: () => import("./commands/container/commit.ts"),
};
const create: CommandNode = {
  name: "create",
  short: "Create a container without starting it",
  paths: ["docker container create", "docker create"],
  load: () => import("./commands/container/create.ts"),
};
const diff: CommandNode = {
  name: "diff",
  short: "Show what has changed in a container's files",
  paths: ["docker container diff", "docker diff"],
  load: () => import("./commands/container/diff.ts"),
};
const exec: CommandNode = {
  name: "exec",
  short: "Run a command inside a running container",
  paths: ["docker container exec", "docker exec"],
  load: () => import("./commands/container/exec.ts"),
};
const exportNode: CommandNode = {
  name: "export",
  short: "Write a container's files as a tar archive",
  paths: ["docker container export", "docker export"],
  load: () => import("./commands/container/export.ts"),
};
const kill: CommandNode = {
  name: "kill",
  short: "Send a signal to running containers, by default the one that ends them at once",
  paths: ["docker container kill", "docker kill"],
  load: () => import("./commands/container/kill.ts"),
};
const logs: CommandNode = {
  name: "logs",
  short: "Show what a container has written",
  paths: ["docker container logs", "docker logs"],
  load: () => import("./commands/container/logs.ts"),
};
const containerList: CommandNode = {
  name: "ls",
  aliases: ["ps", "list"],
  short: "List containers",
  paths: ["docker container ls", "docker container list", "docker container ps", "docker ps"],
  load: () => import("./commands/container/ls.ts"),
};
const pause: CommandNode = {
  name: "pause",
  short: "Freeze all processes of containers",
  paths: ["docker container pause", "docker pause"],
  load: () => import("./commands/container/pause.ts"),
};
const port: CommandNode = {
  name: "port",
  short: "Show where a container's ports are published",
  paths: ["docker container port", "docker port"],
  load: () => import("./commands/container/port.ts"),
};
const rename: CommandNode = {
  name: "rename",
  short: "Give a container another name",
  paths: ["docker container rename", "docker rename"],
  load: () => import("./commands/container/rename.ts"),
};
const restart: CommandNode = {
  name: "restart",
  short: "Stop containers and start them again",
  paths: ["docker container restart", "docker restart"],
  load: () => import("./commands/container/restart.ts"),
};
const rm: CommandNode = {
  name: "rm",
  aliases: ["remove"],
  short: "Remove containers",
  paths: ["docker container rm", "docker container remove", "docker rm"],
  load: () => import("./commands/container/rm.ts"),
};
const run: CommandNode = {
  name: "run",
  short: "Make a new container from an image and run it",
  paths: ["docker container run", "docker run"],
  load: () => import("./commands/container/run.ts"),
};
const start: CommandNode = {
  name: "start",
  short: "Start containers that are not running",
  paths: ["docker container start", "docker start"],
  load: () => import("./commands/container/start.ts"),
};
const stats: CommandNode = {
  name: "stats",
  short: "Show what containers use, as it changes",
  paths: ["docker container stats", "docker stats"],
  load: () => import("./commands/container/stats.ts"),
};
const stop: CommandNode = {
  name: "stop",
  short: "Ask containers to end, and end them when they do not",
  paths: ["docker container stop", "docker stop"],
  load: () => import("./commands/container/stop.ts"),
};
const top: CommandNode = {
  name: "top",
  short: "Show a container's processes",
  paths: ["docker container top", "docker top"],
  load: () => import("./commands/container/top.ts"),
};
const unpause: CommandNode = {
  name: "unpause",
  short: "Let frozen containers go on",
  paths: ["docker container unpause", "docker unpause"],
  load: () => import("./commands/container/unpause.ts"),
};
const update: CommandNode = {
  name: "update",
  short: "Change what containers may use",
  paths: ["docker container update", "docker update"],
  load: () => import("./commands/container/update.ts"),
};
const wait: CommandNode = {
  name: "wait",
  short: "Wait until containers end, and print their exit codes",
  paths: ["docker container wait", "docker wait"],
  load: () => import("./commands/container/wait.ts"),
};

const history: CommandNode = {
  name: "history",
  short: "Show how an image was made",
  paths: ["docker image history", "docker history"],
  load: () => import("./commands/image/history.ts"),
};
const importNode: CommandNode = {
  name: "import",
  short: "Make an image from a tar archive of files",
  paths: ["docker image import", "docker import"],
  load: () => import("./commands/image/import.ts"),
};
const load: CommandNode = {
  name: "load",
  short: "Read images from a tar archive or standard input",
  paths: ["docker image load", "docker load"],
  load: () => import("./commands/image/load.ts"),
};
const imageList: CommandNode = {
  name: "ls",
  aliases: ["list"],
  short: "List images",
  paths: ["docker image ls", "docker image list", "docker images"],
  load: () => import("./commands/image/ls.ts"),
};
const pull: CommandNode = {
  name: "pull",
  short: "Fetch an image from a registry",
  paths: ["docker image pull", "docker pull"],
  load: () => import("./commands/image/pull.ts"),
};
const push: CommandNode = {
  name: "push",
  short: "Send an image to a registry",
  paths: ["docker image push", "docker push"],
  load: () => import("./commands/image/push.ts"),
};
const imageRemove: CommandNode = {
  name: "rm",
  aliases: ["remove"],
  short: "Remove images",
  paths: ["docker image rm", "docker image remove", "docker rmi"],
  load: () => import("./commands/image/rm.ts"),
};
const save: CommandNode = {
  name: "save",
  short: "Write images to a tar archive (to standard output unless told otherwise)",
  paths: ["docker image save", "docker save"],
  load: () => import("./commands/image/save.ts"),
};
const tag: CommandNode = {
  name: "tag",
  short: "Give SOURCE_IMAGE the further name TARGET_IMAGE",
  paths: ["docker image tag", "docker tag"],
  load: () => import("./commands/image/tag.ts"),
};

const events: CommandNode = {
  name: "events",
  short: "Show what happens in the daemon, as it happens",
  paths: ["docker system events", "docker events"],
  load: () => import("./commands/system/events.ts"),
};
const info: CommandNode = {
  name: "info",
  short: "Show facts about the daemon and its machine",
  paths: ["docker system info", "docker info"],
  load: () => import("./commands/system/info.ts"),
};

const common = (node: CommandNode, name = node.name): CommandNode => {
  const { aliases, ...rest } = node;
  return { ...rest, name, group: "common" };
};
const topLevel = (node: CommandNode, name = node.name): CommandNode => {
  const { aliases, ...rest } = node;
  return { ...rest, name };
};

const container: CommandNode = {
  name: "container",
  short: "Manage containers",
  group: "management",
  children: [
    attach,
    commit,
    create,
    diff,
    exec,
    exportNode,
    {
      name: "inspect",
      short: "Show everything about containers",
      load: () => import("./commands/container/inspect.ts"),
    },
    kill,
    logs,
    containerList,
    pause,
    port,
    {
      name: "prune",
      short: "Remove all containers that are not running",
      since: "1.25",
      load: () => import("./commands/container/prune.ts"),
    },
    rename,
    restart,
    rm,
    run,
    start,
    stats,
    stop,
    top,
    unpause,
    update,
    wait,
  ],
};

const image: CommandNode = {
  name: "image",
  short: "Manage images",
  group: "management",
  children: [
    history,
    importNode,
    {
      name: "inspect",
      short: "Show everything about images",
      load: () => import("./commands/image/inspect.ts"),
    },
    load,
    imageList,
    {
      name: "prune",
      short: "Remove images that nothing uses",
      since: "1.25",
      load: () => import("./commands/image/prune.ts"),
    },
    pull,
    push,
    imageRemove,
    save,
    tag,
  ],
};

const network: CommandNode = {
  name: "network",
  short: "Manage networks",
  group: "management",
  children: [
    {
      name: "inspect",
      short: "Show everything about networks",
      load: () => import("./commands/network/inspect.ts"),
    },
    { name: "ls", aliases: ["list"], short: "List networks", load: () => import("./commands/network/ls.ts") },
  ],
};

const volume: CommandNode = {
  name: "volume",
  short: "Manage volumes",
  group: "management",
  children: [
    { name: "create", short: "Create a volume", load: () => import("./commands/volume/create.ts") },
    {
      name: "inspect",
      short: "Show everything about volumes",
      load: () => import("./commands/volume/inspect.ts"),
    },
    { name: "ls", aliases: ["list"], short: "List volumes", load: () => import("./commands/volume/ls.ts") },
    {
      name: "prune",
      short: "Remove volumes that no container uses",
      since: "1.25",
      load: () => import("./commands/volume/prune.ts"),
    },
    {
      name: "rm",
      aliases: ["remove"],
      short: "Remove volumes",
      load: () => import("./commands/volume/rm.ts"),
    },
  ],
};

const system: CommandNode = {
  name: "system",
  short: "Manage the daemon",
  group: "management",
  children: [
    {
      name: "df",
      short: "Show how much disk is used, and by what",
      since: "1.25",
      load: () => import("./commands/system/df.ts"),
    },
    {
      name: "dial-stdio",
      short: "Connect standard input and output to the daemon",
      hidden: true,
      load: () => import("./commands/system/dial-stdio.ts"),
    },
    events,
    info,
    {
      name: "prune",
      short: "Remove what is not used",
      since: "1.25",
      load: () => import("./commands/system/prune.ts"),
    },
  ],
};

const inspect: CommandNode = {
  name: "inspect",
  short: "Show everything about objects of any kind",
  load: () => import("./commands/inspect.ts"),
};
const version: CommandNode = {
  name: "version",
  short: "Show the versions of the client and the daemon",
  group: "common",
  load: () => import("./commands/version.ts"),
};

export const tree: readonly CommandNode[] = [
  common(run),
  common(exec),
  common(containerList, "ps"),
  common(pull),
  common(push),
  common(imageList, "images"),
  version,
  common(info),
  container,
  image,
  network,
  system,
  volume,
  topLevel(attach),
  topLevel(commit),
  topLevel(create),
  topLevel(diff),
  topLevel(events),
  topLevel(exportNode),
  topLevel(history),
  topLevel(importNode),
  inspect,
  topLevel(kill),
  topLevel(load),
  topLevel(logs),
  topLevel(pause),
  topLevel(port),
  topLevel(rename),
  topLevel(restart),
  topLevel(rm),
  topLevel(imageRemove, "rmi"),
  topLevel(save),
  topLevel(start),
  topLevel(stats),
  topLevel(stop),
  topLevel(tag),
  topLevel(top),
  topLevel(unpause),
  topLevel(update),
  topLevel(wait),
];
