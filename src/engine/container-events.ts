import type { ContainerEvents } from "../containers/deps.ts";
import type { EventBus } from "./events.ts";

/** Events of containers carry the name, the image and the labels of the container. */
export function containerEvents(bus: EventBus): ContainerEvents {
  return (action, container, attributes) => {
    const { config } = container.spec;
    bus.emit("container", action, container.id, {
      ...config.Labels,
      image: config.Image ?? "",
      name: container.name,
      ...attributes,
    });
  };
}
