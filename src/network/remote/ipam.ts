import { internal } from "../../base/errors.ts";
import {
  type Family,
  formatIp,
  formatPrefix,
  type Ip,
  maskedPrefix,
  type Prefix,
  tryParsePrefix,
} from "../../base/ip.ts";
import type { NetworkSpec } from "../spec.ts";
import { familiesOf } from "../spec.ts";
import type { SubnetSpec } from "../subnet-specs.ts";
import type { RemoteRecords } from "./records.ts";

/** IPAM drivers that are part of the daemon. */
export const ownIpam: readonly string[] = ["default", "null"];

const gatewayData = "com.docker.network.gateway";
const addressType = "RequestAddressType";
const macOption = "com.docker.network.endpoint.macaddress";

/**
 * Has a plugin choose the subnets and gateways of a network (`IpamDriver` of Docker's plugin protocol); those that were
 * asked for are passed on. On an error the caller drops what the network `owner` has.
 */
export async function requestPools(
  records: RemoteRecords,
  spec: NetworkSpec,
  owner: string,
): Promise<SubnetSpec[]> {
  const { ipamDriver: plugin } = spec;
  const { LocalDefaultAddressSpace: space = "" } = await records.call(
    plugin,
    "IpamDriver.GetDefaultAddressSpaces",
    {},
  );
  const isOf = (family: 4 | 6, subnet: string) => subnet.includes(":") === (family === 6);
  const wanted = familiesOf(spec).flatMap((family): { family: Family; one?: SubnetSpec }[] => {
    const asked = spec.subnets.filter(({ subnet }) => isOf(family, subnet));
    return asked.length > 0 ? asked.map((one) => ({ family, one })) : [{ family }];
  });
  const found: SubnetSpec[] = [];
  for (const { family, one } of wanted) {
    const { PoolID, Pool, Data } = await records.call(plugin, "IpamDriver.RequestPool", {
      AddressSpace: space,
      Pool: one?.subnet ?? "",
      SubPool: one?.range ?? "",
      Options: spec.ipamOptions,
      V6: family === 6,
    });
    const pool = String(PoolID ?? "");
    records.note({ kind: "pluginPool", plugin, pool }, owner);
    const subnet = tryParsePrefix(String(Pool));
    if (!subnet) throw internal(`IpamDriver.RequestPool: the plugin's pool is no subnet: ${Pool}`);
    const chosen = tryParsePrefix(String((Data as Record<string, unknown> | undefined)?.[gatewayData] ?? ""));
    const ask = (address: string, options: object) =>
      requestAddress(records, { plugin, pool, address, options }, owner);
    const gateway = chosen ?? (await ask(one?.gateway ?? "", { [addressType]: gatewayData }));
    for (const address of Object.values(one?.auxiliary ?? {})) await ask(address, {});
    found.push({
      asked: one !== undefined,
      ...one,
      subnet: formatPrefix(maskedPrefix(subnet)),
      gateway: formatIp(gateway),
      pool,
    });
  }
  return found;
}

interface AddressRequest {
  plugin: string;
  pool: string;
  /** Empty: any. */
  address: string;
  options: object;
}

async function requestAddress(
  records: RemoteRecords,
  { plugin, pool, address, options }: AddressRequest,
  owner: string,
): Promise<Prefix> {
  const request = { PoolID: pool, Address: address, Options: options };
  const { Address } = await records.call(plugin, "IpamDriver.RequestAddress", request);
  const found = tryParsePrefix(String(Address));
  if (!found) throw internal(`IpamDriver.RequestAddress: the plugin's address has no prefix: ${Address}`);
  records.note({ kind: "pluginAddress", plugin, pool, address: formatIp(found) }, owner);
  return found;
}

/** The addresses of an endpoint, of each family one, from the first pool that has one. */
export async function requestAddresses(
  records: RemoteRecords,
  spec: NetworkSpec,
  { asked, mac, owner }: { asked: readonly Ip[]; mac: string; owner: string },
): Promise<Prefix[]> {
  const { ipamDriver: plugin } = spec;
  const found: Prefix[] = [];
  for (const family of familiesOf(spec)) {
    const address = asked.find((ip) => ip.family === family);
    const pools = spec.subnets.filter(({ subnet }) => subnet.includes(":") === (family === 6));
    let failure: unknown;
    for (const { pool = "" } of pools) {
      const request = {
        plugin,
        pool,
        address: address ? formatIp(address) : "",
        options: { [macOption]: mac },
      };
      try {
        found.push(await requestAddress(records, request, owner));
        failure = undefined;
        break;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
  }
  return found;
}
