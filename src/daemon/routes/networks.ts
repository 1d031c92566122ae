import type { NetworkCreateRequest, NetworkInspect } from "../../api/networks.ts";
import { invalidArgument, notFound } from "../../base/errors.ts";
import { Filters, matchesPattern } from "../../base/filters.ts";
import type { ContainerDeps } from "../../containers/deps.ts";
import { connectContainer, disconnectContainer } from "../../containers/networking.ts";
import { pruneLimit } from "../../containers/prune.ts";
import { type ApiRequest, defineHandlers, type Handlers } from "../http/handler.ts";

const listFilters = ["dangling", "driver", "id", "label", "name", "scope", "type"];
const pruneFilters = ["label", "label!", "until"];
const predefined = ["bridge", "host", "none"];

/** As `Filters.boolean`, in the words that Docker has for networks. */
function danglingOf(filters: Filters): boolean | undefined {
  const values = filters.get("dangling");
  if (values.length > 1) throw invalidArgument('got more than one value for filter key "dangling"');
  const [value] = values;
  if (value === undefined) return undefined;
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw invalidArgument(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
}

function isListed(network: NetworkInspect, filters: Filters): boolean {
  const builtin = predefined.includes(network.Name);
  const dangling = danglingOf(filters);
  const isDangling = !builtin && Object.keys(network.Containers).length === 0;
  return (
    filters.exact("driver", network.Driver) &&
    filters.exact("scope", network.Scope) &&
    filters.any("id", (id) => network.Id.includes(id)) &&
    filters.any("name", (name) => matchesPattern(name, network.Name)) &&
    filters.any("type", (type) => (type === "builtin") === builtin) &&
    filters.labels(network.Labels) &&
    (dangling === undefined || dangling === isDangling)
  );
}

/**
 * Who does not know that `EnableIPv6` may be left to the daemon means false by its absence: clients before 1.46, and
 * Compose 1, which speaks whatever version it is offered, and later takes another value for a change of the project.
 */
function leavesIPv6Open({ headers, atLeast }: ApiRequest<"NetworkCreate">): boolean {
  return atLeast("1.46") && !headers["user-agent"]?.startsWith("docker-compose/1.");
}

function ipv6IfAsked(request: NetworkCreateRequest): NetworkCreateRequest {
  const asked = request.IPAM?.Config?.some(({ Subnet }) => Subnet?.includes(":"));
  return asked ? request : { ...request, EnableIPv6: request.EnableIPv6 ?? false };
}

/** The operations of `/networks`. */
export function networkHandlers(deps: ContainerDeps): Handlers {
  const networks = deps.network;
  return defineHandlers({
    NetworkList({ query }) {
      const filters = Filters.from(query.filters, listFilters);
      for (const type of filters.get("type")) {
        if (type !== "builtin" && type !== "custom")
          throw invalidArgument(`invalid filter: 'type'='${type}'`);
      }
      return networks.list().filter((network) => isListed(network, filters));
    },

    NetworkInspect({ params, query }) {
      const network = networks.inspect(params.id);
      if (query.scope && query.scope !== network.Scope) throw notFound(`network ${params.id} not found`);
      return network;
    },

    async NetworkCreate(request) {
      const { body } = request;
      const { id, warning } = await networks.create(leavesIPv6Open(request) ? body : ipv6IfAsked(body));
      return { Id: id, Warning: warning };
    },

    async NetworkDelete({ params }) {
      await networks.remove(params.id);
    },

    async NetworkConnect({ params, body }) {
      const container = deps.set.find(body.Container ?? "");
      await connectContainer(deps, container, params.id, body.EndpointConfig ?? {});
    },

    async NetworkDisconnect({ params, body }) {
      const name = body.Container ?? "";
      if (body.Force && !deps.set.has(name)) {
        networks.inspect(params.id);
        throw notFound(`endpoint ${name} not found`);
      }
      const container = deps.set.find(name);
      await disconnectContainer(deps, container, params.id);
    },

    async NetworkPrune({ query }) {
      const filters = Filters.from(query.filters, pruneFilters);
      const until = pruneLimit(filters, deps.clock.nowNanos());
      const deleted = await networks.prune(
        ({ Labels, Created }) =>
          (until === undefined || Date.parse(Created) < until) &&
          filters.labels(Labels) &&
          !(filters.has("label!") && filters.labels(Labels, "label!")),
      );
      return { NetworksDeleted: deleted.length > 0 ? deleted : null };
    },
  });
}
