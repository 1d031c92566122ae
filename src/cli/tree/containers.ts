import type { CommandNode } from "../command.ts";

export const attach: CommandNode = {
  name: "attach",
  short: "Connect this terminal's input, output and error to a running container",
  paths: ["docker container attach", "docker attach"],
  load: () => import("../commands/container/attach.ts"),
};
export const commit: CommandNode = {
  name: "commit",
  short: "Make an image out of what a container has changed",
  paths: ["docker container commit", "docker commit"],
  load: () => import("../commands/container/commit.ts"),
};
export const cp: CommandNode = {
  name: "cp",
  short: "Copy files and folders between a container and this machine",
  paths: ["docker container cp", "docker cp"],
  load: () => import("../commands/container/cp.ts"),
};
export const create: CommandNode = {
  name: "create",
  short: "Create a container without starting it",
  paths: ["docker container create", "docker create"],
  load: () => import("../commands/container/create.ts"),
};
export const diff: CommandNode = {
  name: "diff",
  short: "Show what has changed in a container's files",
  paths: ["docker container diff", "docker diff"],
  load: () => import("../commands/container/diff.ts"),
};
export const exec: CommandNode = {
  name: "exec",
  short: "Run a command inside a running container",
  paths: ["docker container exec", "docker exec"],
  load: () => import("../commands/container/exec.ts"),
};
export const exportNode: CommandNode = {
  name: "export",
  short: "Write a container's files as a tar archive",
  paths: ["docker container export", "docker export"],
  load: () => import("../commands/container/export.ts"),
};
export const kill: CommandNode = {
  name: "kill",
  short: "Send a signal to running containers, by default the one that ends them at once",
  paths: ["docker container kill", "docker kill"],
  load: () => import("../commands/container/kill.ts"),
};
export const logs: CommandNode = {
  name: "logs",
  short: "Show what a container has written",
  paths: ["docker container logs", "docker logs"],
  load: () => import("../commands/container/logs.ts"),
};
export const containerList: CommandNode = {
  name: "ls",
  aliases: ["ps", "list"],
  short: "List containers",
  paths: ["docker container ls", "docker container list", "docker container ps", "docker ps"],
  load: () => import("../commands/container/ls.ts"),
};
export const pause: CommandNode = {
  name: "pause",
  short: "Freeze all processes of containers",
  paths: ["docker container pause", "docker pause"],
  load: () => import("../commands/container/pause.ts"),
};
export const port: CommandNode = {
  name: "port",
  short: "Show where a container's ports are published",
  paths: ["docker container port", "docker port"],
  load: () => import("../commands/container/port.ts"),
};
export const rename: CommandNode = {
  name: "rename",
  short: "Give a container another name",
  paths: ["docker container rename", "docker rename"],
  load: () => import("../commands/container/rename.ts"),
};
export const restart: CommandNode = {
  name: "restart",
  short: "Stop containers and start them again",
  paths: ["docker container restart", "docker restart"],
  load: () => import("../commands/container/restart.ts"),
};
export const rm: CommandNode = {
  name: "rm",
  aliases: ["remove"],
  short: "Remove containers",
  paths: ["docker container rm", "docker container remove", "docker rm"],
  load: () => import("../commands/container/rm.ts"),
};
export const run: CommandNode = {
  name: "run",
  short: "Make a new container from an image and run it",
  paths: ["docker container run", "docker run"],
  load: () => import("../commands/container/run.ts"),
};
export const start: CommandNode = {
  name: "start",
  short: "Start containers that are not running",
  paths: ["docker container start", "docker start"],
  load: () => import("../commands/container/start.ts"),
};
export const stats: CommandNode = {
  name: "stats",
  short: "Show what containers use, as it changes",
  paths: ["docker container stats", "docker stats"],
  load: () => import("../commands/container/stats.ts"),
};
export const stop: CommandNode = {
  name: "stop",
  short: "Ask containers to end, and end them when they do not",
  paths: ["docker container stop", "docker stop"],
  load: () => import("../commands/container/stop.ts"),
};
export const top: CommandNode = {
  name: "top",
  short: "Show a container's processes",
  paths: ["docker container top", "docker top"],
  load: () => import("../commands/container/top.ts"),
};
export const unpause: CommandNode = {
  name: "unpause",
  short: "Let frozen containers go on",
  paths: ["docker container unpause", "docker unpause"],
  load: () => import("../commands/container/unpause.ts"),
};
export const update: CommandNode = {
  name: "update",
  short: "Change what containers may use",
  paths: ["docker container update", "docker update"],
  load: () => import("../commands/container/update.ts"),
};
export const wait: CommandNode = {
  name: "wait",
  short: "Wait until containers end, and print their exit codes",
  paths: ["docker container wait", "docker wait"],
  load: () => import("../commands/container/wait.ts"),
};

/** `docker container`. */
export const container: CommandNode = {
  name: "container",
  short: "Manage containers",
  group: "management",
  children: [
    attach,
    commit,
    cp,
    create,
    diff,
    exec,
    exportNode,
    {
      name: "inspect",
      short: "Show everything about containers",
      load: () => import("../commands/container/inspect.ts"),
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
      load: () => import("../commands/container/prune.ts"),
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

/** `docker checkpoint`. */
export const checkpoint: CommandNode = {
  name: "checkpoint",
  short: "Manage checkpoints: containers that are frozen to the disk",
  group: "management",
  since: "1.25",
  children: [
    {
      name: "create",
      short: "Freeze a running container to the disk",
      load: () => import("../commands/checkpoint/create.ts"),
    },
    {
      name: "ls",
      aliases: ["list"],
      short: "List a container's checkpoints",
      load: () => import("../commands/checkpoint/ls.ts"),
    },
    {
      name: "rm",
      aliases: ["remove"],
      short: "Remove a checkpoint",
      load: () => import("../commands/checkpoint/rm.ts"),
    },
  ],
};
