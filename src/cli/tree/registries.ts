import type { CommandNode } from "../command.ts";

export const login: CommandNode = {
  name: "login",
  short: "Log in to a registry",
  load: () => import("../commands/login.ts"),
};
export const logout: CommandNode = {
  name: "logout",
  short: "Log out of a registry",
  load: () => import("../commands/logout.ts"),
};
export const search: CommandNode = {
  name: "search",
  short: "Search Docker Hub for images",
  load: () => import("../commands/search.ts"),
};

/** `docker manifest`. */
export const manifest: CommandNode = {
  name: "manifest",
  short: "Manage manifests and lists of them, in registries",
  group: "management",
  children: [
    {
      name: "annotate",
      short: "Say for which platform a manifest of a list is",
      load: () => import("../commands/manifest/annotate.ts"),
    },
    {
      name: "create",
      short: "Begin a list of manifests, to be pushed later",
      load: () => import("../commands/manifest/create.ts"),
    },
    {
      name: "inspect",
      short: "Show a manifest, or a list of them",
      load: () => import("../commands/manifest/inspect.ts"),
    },
    {
      name: "push",
      short: "Send a list of manifests to a registry",
      load: () => import("../commands/manifest/push.ts"),
    },
    {
      name: "rm",
      short: "Forget lists of manifests that are here",
      load: () => import("../commands/manifest/rm.ts"),
    },
  ],
};
