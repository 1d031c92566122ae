import { unavailable } from "../../base/errors.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

/** What asks about a swarm, and makes none: a daemon that is in none answers so, which tools take for an empty one. */
export function swarmHandlers(): Handlers {
  const noManager = (): never => {
    throw unavailable(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  };
  return defineHandlers({
    SwarmLeave: (): never => {
      throw unavailable("This node is not part of a swarm");
    },
    SwarmInspect: noManager,
    NodeList: noManager,
    NodeInspect: noManager,
    ServiceList: noManager,
    ServiceInspect: noManager,
    TaskList: noManager,
    TaskInspect: noManager,
    SecretList: noManager,
    SecretInspect: noManager,
    ConfigList: noManager,
    ConfigInspect: noManager,
  });
}
