// What `npm run bench` and `npm run bench:profile` take.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { peerPackages } from "./packages.mjs";
import { root } from "./setup.mjs";

export function usage(name) {
  return `Usage: npm run ${name} -- [CASE...] [OPTION...]

CASE is a group (run, pull, ps, ...) or the beginning of a case's name; none means all.

  --list            print the cases, and end
  --rounds N        how often each is measured, in place of the case's own number
  --peers NAMES     beside which engines: docker.io,podman (all of them, unless said), or none
  --json FILE       where the results go (bench-result.json, unless said)
`;
}

/** Throws for options that make no sense. */
export function parseOptions(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      list: { type: "boolean", default: false },
      rounds: { type: "string" },
      peers: { type: "string", default: Object.keys(peerPackages).join(",") },
      json: { type: "string", default: join(root, "bench-result.json") },
    },
  });
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds takes a number from 1 on, not ${values.rounds}`);
  }
  const peers = values.peers === "none" ? [] : values.peers.split(",");
  const unknown = peers.find((peer) => !(peer in peerPackages));
  if (unknown !== undefined) throw new Error(`no such peer: ${unknown}`);
  return { help: values.help, list: values.list, cases: positionals, rounds, peers, json: values.json };
}
