import { forbidden, invalidArgument } from "../base/errors.ts";
import type { UpperKind } from "../linux/links.ts";
import { mtuOf } from "./bridge-options.ts";

/** The options of the macvlan and ipvlan drivers, decoded. */
export interface VlanOptions {
  /** The interface of the host below it; empty: one of our own, which leads nowhere. */
  parent: string;
  /** What each container's interface is. */
  what: UpperKind;
  /** The containers route by their interface alone, without a gateway. */
  layer3: boolean;
  mtu: number | undefined;
}

const macvlanModes: Record<string, number> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
const passthru = "passthru";
const ipvlanModes: Record<string, number> = { l2: 0, l3: 1, l3s: 2 };
const ipvlanFlags: Record<string, number> = { bridge: 0, private: 1, vepa: 2 };

/** `text` is one of `known`; `usual` ends the error, and says what it is when nothing is said. */
function choice(known: Record<string, number>, text: string, what: string, usual: string): number {
  const number = known[text];
  if (number === undefined) throw invalidArgument(`requested ${what} '${text}' is not valid, ${usual}`);
  return number;
}

/** Throws `invalidArgument` for an option that says nothing understandable. */
export function parseVlanOptions(network: {
  driver: string;
  options: Readonly<Record<string, string>>;
}): VlanOptions {
  const { driver, options } = network;
  const mtu = mtuOf(options);
  const parent = options.parent ?? "";
  if (parent === "lo") {
    throw invalidArgument(`loopback interface is not a valid ${driver} parent link`);
  }
  if (driver === "macvlan") {
    const mode = choice(
      macvlanModes,
      options.macvlan_mode || "bridge",
      "macvlan mode",
      "'bridge' mode is the macvlan driver default",
    );
    return { parent, mtu, layer3: false, what: { kind: "macvlan", mode } };
  }
  const mode = choice(
    ipvlanModes,
    options.ipvlan_mode || "l2",
    "ipvlan mode",
    "'l2' mode is the ipvlan driver default",
  );
  const flags = choice(
    ipvlanFlags,
    options.ipvlan_flag || "bridge",
    "ipvlan flag",
    "'bridge' is the ipvlan driver default",
  );
  return { parent, mtu, layer3: mode > 0, what: { kind: "ipvlan", mode, flags } };
}

interface VlanUser {
  id: string;
  spec: { driver: string; options: Readonly<Record<string, string>> };
}

/** An interface that a macvlan has in the mode `passthru` is its alone. Throws `forbidden`. */
export function checkPassthru({ options }: VlanUser["spec"], others: readonly VlanUser[]): void {
  const { parent = "" } = options;
  const other = others.find(({ spec }) => spec.driver === "macvlan" && spec.options.parent === parent);
  if (parent === "" || !other) return;
  if (options.macvlan_mode === passthru) {
    throw forbidden(
      `cannot use mode passthru, macvlan network ${other.id} is already using parent interface ${parent}`,
    );
  }
  if (other.spec.options.macvlan_mode === passthru) {
    throw forbidden(
      `macvlan network ${other.id} is already using parent interface ${parent} in mode passthru`,
    );
  }
}
