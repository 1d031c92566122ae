import type { CommandNode } from "../command.ts";

/** `docker context`. */
export const context: CommandNode = {
  name: "context",
  short: "Manage contexts: the daemons that the client knows",
  group: "management",
  children: [
    { name: "create", short: "Create a context", load: () => import("../commands/context/create.ts") },
    {
      name: "export",
      short: "Write a context to a file, or to standard output",
      load: () => import("../commands/context/export.ts"),
    },
    {
      name: "import",
      short: "Read a context from a file, or from standard input",
      load: () => import("../commands/context/import.ts"),
    },
    {
      name: "inspect",
      short: "Show everything about contexts",
      load: () => import("../commands/context/inspect.ts"),
    },
    {
      name: "ls",
      aliases: ["list"],
      short: "List contexts",
      load: () => import("../commands/context/ls.ts"),
    },
    {
      name: "rm",
      aliases: ["remove"],
      short: "Remove contexts",
      load: () => import("../commands/context/rm.ts"),
    },
    {
      name: "show",
      short: "Show the name of the context in use",
      load: () => import("../commands/context/show.ts"),
    },
    { name: "update", short: "Change a context", load: () => import("../commands/context/update.ts") },
    { name: "use", short: "Choose the context to use", load: () => import("../commands/context/use.ts") },
  ],
};
