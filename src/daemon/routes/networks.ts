import { forbidden, invalidArgument } from "../../base/errors.ts";
import { Filters, matchesPattern } from "../../base/filters.ts";
import type { NetworkManager } from "../../network/manager.ts";
import { defineHandlers, type Handlers } from "../http/handler.ts";

const listFilters = ["dangling", "driver", "id", "label", "name", "scope", "type"];
const pruneFilters = ["label", "label!", "until"];
const predefined = ["bridge", "host", "none"];

/** The operations of `/networks` on the predefined networks. */
export function networkHandlers(networks: NetworkManager): Handlers {
  return defineHandlers({
    NetworkList({ query }) {
      const filters = Filters.from(query.filters, listFilters);
      for (const type of filters.get("type")) {
        if (type !== "builtin" && type !== "custom")
          throw invalidArgument(`invalid filter: 'type'='${type}'`);
      }
      return networks.list().filter((network) => {
        const builtin = predefined.includes(network.Name);
        return (
          filters.exact("driver", network.Driver) &&
          filters.exact("scope", network.Scope) &&
          filters.any("id", (id) => network.Id.startsWith(id)) &&
          filters.any("name", (name) => matchesPattern(name, network.Name)) &&
          filters.any("type", (type) => (type === "builtin") === builtin) &&
          filters.labels(network.Labels) &&
          filters.boolean("dangling") !== true
        );
      });
    },

    NetworkInspect({ params }) {
      return networks.inspect(params.id);
    },

    NetworkDelete({ params }) {
      const { Name } = networks.inspect(params.id);
      throw forbidden(`${Name} is a pre-defined network and cannot be removed`);
    },

    NetworkPrune({ query }) {
      Filters.from(query.filters, pruneFilters);
      // The predefined ones stay, and there are no others.
      networks.tellPruned();
      return { NetworksDeleted: null };
    },
  });
}
