import type { CommandNode } from "../command.ts";

export const events: CommandNode = {
  name: "events",
  short: "Show what happens in the daemon, as it happens",
  paths: ["docker system events", "docker events"],
  load: () => import("../commands/system/events.ts"),
};
export const info: CommandNode = {
  name: "info",
  short: "Show facts about the daemon and its machine",
  paths: ["docker system info", "docker info"],
  load: () => import("../commands/system/info.ts"),
};

export const network: CommandNode = {
  name: "network",
  short: "Manage networks",
  group: "management",
  children: [
    {
      name: "connect",
      short: "Connect a container to a network",
      load: () => import("../commands/network/connect.ts"),
    },
    { name: "create", short: "Create a network", load: () => import("../commands/network/create.ts") },
    {
      name: "disconnect",
      short: "Disconnect a container from a network",
      load: () => import("../commands/network/disconnect.ts"),
    },
    {
      name: "inspect",
      short: "Show everything about networks",
      load: () => import("../commands/network/inspect.ts"),
    },
    {
      name: "ls",
      aliases: ["list"],
      short: "List networks",
      load: () => import("../commands/network/ls.ts"),
    },
    {
      name: "prune",
      short: "Remove networks that no container uses",
      since: "1.25",
      load: () => import("../commands/network/prune.ts"),
    },
    {
      name: "rm",
      aliases: ["remove"],
      short: "Remove networks",
      load: () => import("../commands/network/rm.ts"),
    },
  ],
};

export const volume: CommandNode = {
  name: "volume",
  short: "Manage volumes",
  group: "management",
  children: [
    { name: "create", short: "Create a volume", load: () => import("../commands/volume/create.ts") },
    {
      name: "inspect",
      short: "Show everything about volumes",
      load: () => import("../commands/volume/inspect.ts"),
    },
    { name: "ls", aliases: ["list"], short: "List volumes", load: () => import("../commands/volume/ls.ts") },
    {
      name: "prune",
      short: "Remove volumes that no container uses",
      since: "1.25",
      load: () => import("../commands/volume/prune.ts"),
    },
    {
      name: "rm",
      aliases: ["remove"],
      short: "Remove volumes",
      load: () => import("../commands/volume/rm.ts"),
    },
    {
      name: "update",
      short: "Change a volume of a cluster",
      since: "1.42",
      load: () => import("../commands/volume/update.ts"),
    },
  ],
};

export const system: CommandNode = {
  name: "system",
  short: "Manage the daemon",
  group: "management",
  children: [
    {
      name: "df",
      short: "Show how much disk is used, and by what",
      since: "1.25",
      load: () => import("../commands/system/df.ts"),
    },
    {
      name: "dial-stdio",
      short: "Connect standard input and output to the daemon",
      hidden: true,
      load: () => import("../commands/system/dial-stdio.ts"),
    },
    events,
    info,
    {
      name: "prune",
      short: "Remove what is not used",
      since: "1.25",
      load: () => import("../commands/system/prune.ts"),
    },
  ],
};
