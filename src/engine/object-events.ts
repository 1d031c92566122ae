import type { ContainerEvents } from "../containers/deps.ts";
import type { NetworkEvents } from "../network/types.ts";
import type { EngineEvent, EventBus } from "./events.ts";

/** Events of containers carry the name, the image and the labels of the container. */
export function containerEvents(bus: EventBus): ContainerEvents {
  return (action, container, attributes) => {
    const { config, internal } = container.spec;
    if (internal) return;
    bus.emit("container", action, container.id, {
      ...config.Labels,
      image: config.Image ?? "",
      name: container.name,
      ...attributes,
    });
  };
}

/** Events of networks carry the name and the driver of the network. */
export function networkEvents(bus: EventBus): NetworkEvents {
  return (action, { id, name, driver }, attributes) => {
    bus.emit("network", action, id, { ...(id && { name, type: driver }), ...attributes });
  };
}

/** A prune is of no single object. `reclaimed` in bytes. */
export function pruned(bus: EventBus, type: EngineEvent["Type"], reclaimed: number): void {
  bus.emit(type, "prune", "", { reclaimed: String(reclaimed) });
}
