import { newId } from "../../base/ids.ts";
import { formatIp, parseIp } from "../../base/ip.ts";
import type { EndpointRow } from "../../store/networks.ts";
import { detailsOf, ifnameOf, takeAddresses } from "../endpoints.ts";
import type { LiveNetwork } from "../live-network.ts";
import type { Sandboxes } from "../sandboxes.ts";
import type { EndpointRequest } from "../types.ts";
import { type JoinedEndpoint, joinRemote } from "./driver.ts";
import { ownIpam, requestAddresses } from "./ipam.ts";
import type { RemoteRecords } from "./records.ts";

/** What was found out about an endpoint before anything of it is made in the kernel. */
export interface PreparedEndpoint extends Partial<JoinedEndpoint> {
  id: string;
}

interface Unprepared {
  network: LiveNetwork;
  asked: EndpointRequest;
}

const isRemote = ({ spec, remote }: LiveNetwork) => remote === true || !ownIpam.includes(spec.ipamDriver);

/** Asks plugins for what endpoints need of them, before they are made, and gives it back when they are gone. */
export class Preparation {
  readonly #records: RemoteRecords;
  readonly #sandboxes: Sandboxes;

  constructor(records: RemoteRecords, sandboxes: Sandboxes) {
    this.#records = records;
    this.#sandboxes = sandboxes;
  }

  /** The same endpoints, with what the plugins say. On an error nothing of them is left with a plugin. */
  async prepare<T extends Unprepared>(
    owner: string,
    sandboxKey: string,
    endpoints: readonly T[],
  ): Promise<(T & { prepared?: PreparedEndpoint })[]> {
    if (!endpoints.some(({ network }) => isRemote(network))) return [...endpoints];
    const before = new Set(this.#records.of(owner).map((thing) => JSON.stringify(thing)));
    const found: (T & { prepared?: PreparedEndpoint })[] = [];
    try {
      for (const endpoint of endpoints) {
        if (!isRemote(endpoint.network)) found.push(endpoint);
        else found.push({ ...endpoint, prepared: await this.#prepareOne(owner, sandboxKey, endpoint) });
      }
      return found;
    } catch (error) {
      const made = this.#records.of(owner).filter((thing) => !before.has(JSON.stringify(thing)));
      await this.#records.drop(made);
      for (const { network, prepared } of found) {
        for (const ip of prepared?.addresses ?? []) network.addresses.free(ip);
      }
      throw error;
    }
  }

  async #prepareOne(
    owner: string,
    sandboxKey: string,
    { network, asked: { settings } }: Unprepared,
  ): Promise<PreparedEndpoint> {
    const id = newId();
    const { spec, row } = network;
    const mac = settings.MacAddress ?? "";
    const { IPv4Address = "", IPv6Address = "" } = settings.IPAMConfig ?? {};
    const asked = [IPv4Address, IPv6Address].flatMap((text) => parseIp(text) ?? []);
    const addresses = ownIpam.includes(spec.ipamDriver)
      ? takeAddresses(network, settings)
      : await requestAddresses(this.#records, spec, { asked, mac, owner });
    if (!network.remote) return { id, addresses, ...(mac !== "" && { mac }) };
    const options = settings.DriverOpts ?? {};
    const names = { plugin: spec.driver, network: row.id, endpoint: id, owner, sandboxKey };
    try {
      return { id, ...(await joinRemote(this.#records, { ...names, addresses, mac, options })) };
    } catch (error) {
      for (const ip of addresses) network.addresses.free(ip);
      throw error;
    }
  }

  /** Nothing came of endpoints that had been prepared. */
  async abandon(
    owner: string,
    endpoints: readonly (Unprepared & { prepared?: PreparedEndpoint })[],
  ): Promise<void> {
    const of = (family: 4 | 6, { addresses = [] }: Partial<PreparedEndpoint>) => {
      const address = addresses.find((one) => one.family === family);
      return address ? formatIp(address) : "";
    };
    const prepared = endpoints.flatMap((one) => one.prepared ?? []);
    for (const { network, prepared: one } of endpoints) {
      for (const ip of one?.addresses ?? []) network.addresses.free(ip);
    }
    await this.finish(
      owner,
      prepared.map((one) => ({ id: one.id, address: of(4, one), address6: of(6, one) })),
    );
  }

  /** Gives the interfaces of plugins back to the host, under their old names: the plugin looks for them there. */
  returnLinks(netns: string, endpoints: readonly EndpointRow[]): void {
    for (const row of endpoints) {
      const { source } = detailsOf(row);
      if (source) this.#sandboxes.returnLink(netns, { ifname: ifnameOf(row), source });
    }
  }

  /** Tells the plugins that a container's endpoints are gone. A plugin that fails is noted in the log. */
  async finish(
    owner: string,
    endpoints: readonly Pick<EndpointRow, "id" | "address" | "address6">[],
  ): Promise<void> {
    if (endpoints.length === 0) return;
    const ids = new Set(endpoints.map(({ id }) => id));
    const ips = new Set(
      endpoints.flatMap(({ address, address6 }) =>
        [address, address6].map((text) => text.split("/")[0] ?? ""),
      ),
    );
    const things = this.#records
      .of(owner)
      .filter((thing) =>
        thing.kind === "pluginEndpoint" || thing.kind === "pluginPorts"
          ? ids.has(thing.endpoint)
          : thing.kind === "pluginAddress" &&
            ips.has(formatIp(parseIp(thing.address) ?? { family: 4, value: 0n })),
      );
    await this.#records.drop(things);
  }
}
