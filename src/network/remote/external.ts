import { internal, isEngineError, messageOf } from "../../base/errors.ts";
import type { Attached } from "../attached.ts";
import { wayOut } from "../endpoints.ts";
import type { NetworkSet } from "../network-set.ts";
import { parsePortKey, portRequests } from "../port-requests.ts";
import type { RemoteRecords } from "./records.ts";

/** The numbers of IANA's register of protocols. */
const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Has the plugins publish the ports of the containers that their networks lead out of. */
export class ExternalConnectivity {
  readonly #records: RemoteRecords;
  readonly #networks: NetworkSet;

  constructor(records: RemoteRecords, networks: NetworkSet) {
    this.#records = records;
    this.#networks = networks;
  }

  /**
   * `NetworkDriver.ProgramExternalConnectivity` for the endpoint that leads out now, `RevokeExternalConnectivity` for
   * one that did before. A plugin need not have these methods. Throws `internal` in Docker's words when it refuses.
   */
  async follow({ endpoints, sandbox, request }: Attached): Promise<void> {
    const remote = endpoints.filter(({ networkId }) => this.#networks.liveOf(networkId)?.remote);
    if (remote.length === 0) return;
    const leadsOut = wayOut(
      endpoints,
      ({ gateway, gateway6 }) => gateway !== "" || gateway6 !== "",
      (id) => this.#networks.nameOf(id),
    );
    const way = remote.find((row) => row === leadsOut);
    const told = this.#records
      .of(sandbox.containerId)
      .flatMap((thing) => (thing.kind === "pluginPorts" ? [thing] : []));
    await this.#records.drop(told.filter(({ endpoint }) => endpoint !== way?.id));
    const plugin = this.#networks.liveOf(way?.networkId ?? "")?.spec.driver;
    if (!way || plugin === undefined || told.some(({ endpoint }) => endpoint === way.id)) return;
    const { id: endpoint, networkId: network } = way;
    const body = { NetworkID: network, EndpointID: endpoint, Options: optionsOf(request) };
    try {
      await this.#records.make({ kind: "pluginPorts", plugin, network, endpoint }, sandbox.containerId, () =>
        this.#records.call(plugin, "NetworkDriver.ProgramExternalConnectivity", body),
      );
    } catch (error) {
      if (isEngineError(error, "notFound")) return;
      const where = `driver failed programming external connectivity on endpoint ${sandbox.containerName} (${endpoint})`;
      throw internal(`${where}: ${messageOf(error)}`, error);
    }
  }
}

/** What is exposed and what is to be published, as Docker's daemon writes it for plugins. */
function optionsOf({ exposedPorts, portBindings, publishAll }: Attached["request"]) {
  const requests = portRequests(portBindings, exposedPorts, publishAll, [""]);
  return {
    "com.docker.network.endpoint.exposedports": exposedPorts.map((key) => {
      const { containerPort, protocol } = parsePortKey(key);
      return { Proto: protocolNumbers[protocol], Port: containerPort };
    }),
    "com.docker.network.portmap": requests.flatMap(({ protocol, containerPort, hostIps, hostPorts }) =>
      hostIps.map((HostIP) => ({
        Proto: protocolNumbers[protocol],
        IP: "",
        Port: containerPort,
        HostIP,
        HostPort: hostPorts?.first ?? 0,
        HostPortEnd: hostPorts?.last ?? 0,
      })),
    ),
  };
}
