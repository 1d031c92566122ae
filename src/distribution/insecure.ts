import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { invalidArgument } from "../base/errors.ts";

const hostForm = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?$/;

/** The registries that may be talked to without TLS, or with certificates that nobody vouches for. */
export class InsecureRegistries {
  readonly #networks = new BlockList();
  readonly #hosts = new Set<string>();

  /**
   * `entries` as `--insecure-registry` takes them: `host`, `host:port` or a network (`10.0.0.0/8`). Loopback always is.
   * Throws `invalidArgument` in Docker's words.
   */
  constructor(entries: readonly string[]) {
    this.#networks.addSubnet("127.0.0.0", 8, "ipv4");
    this.#networks.addSubnet("::1", 128, "ipv6");
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: string): void {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address);
    if (
      bits !== undefined &&
      family !== 0 &&
      /^\d+$/.test(bits) &&
      Number(bits) <= (family === 4 ? 32 : 128)
    ) {
      this.#networks.addSubnet(address, Number(bits), family === 4 ? "ipv4" : "ipv6");
      return;
    }
    if (/^https?:\/\//i.test(entry)) {
      throw invalidArgument(`insecure registry ${entry} should not contain '://'`);
    }
    const port = hostForm.exec(entry);
    if (!port || Number(port[1] ?? 1) > 65535 || Number(port[1] ?? 1) === 0) {
      throw invalidArgument(`insecure registry ${entry} is not valid: invalid host "${entry}"`);
    }
    this.#hosts.add(entry.toLowerCase());
  }

  /** Whether `host` (with its port, where there is one) is in the list, by name or by an address that it has. */
  async has(host: string): Promise<boolean> {
    if (this.#hosts.has(host.toLowerCase())) return true;
    const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, "");
    const addresses = isIP(name) ? [name] : await addressesOf(name);
    return addresses.some((address) => this.#networks.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"));
  }
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return []; // A name that is not known is not in any network; the request will say what is wrong.
  }
}
