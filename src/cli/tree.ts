import type { CommandNode } from "./command.ts";
import {
  attach,
  checkpoint,
  commit,
  container,
  containerList,
  cp,
  create,
  diff,
  exec,
  exportNode,
  kill,
  logs,
  pause,
  port,
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
} from "./tree/containers.ts";
import { context } from "./tree/contexts.ts";
import {
  build,
  builder,
  history,
  image,
  imageList,
  imageRemove,
  importNode,
  load,
  pull,
  push,
  save,
  tag,
} from "./tree/images.ts";
import { login, logout, manifest, search } from "./tree/registries.ts";
import { events, info, network, system, volume } from "./tree/system.ts";

/*
 * All commands. Names and one-line descriptions are in `tree/`, so that help needs no command's code; each command is a
 * file of its own in `commands/`, loaded when it is called.
 */

const common = (node: CommandNode, name = node.name): CommandNode => {
  const { aliases, ...rest } = node;
  return { ...rest, name, group: "common" };
};
const topLevel = (node: CommandNode, name = node.name): CommandNode => {
  const { aliases, ...rest } = node;
  return { ...rest, name };
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
  common(build),
  common(pull),
  common(push),
  common(imageList, "images"),
  common(login),
  common(logout),
  common(search),
  version,
  common(info),
  builder,
  checkpoint,
  container,
  context,
  image,
  manifest,
  network,
  system,
  volume,
  topLevel(attach),
  topLevel(commit),
  topLevel(cp),
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
