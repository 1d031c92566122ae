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
