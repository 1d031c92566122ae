import { isEngineError, notFound } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { atLeast, command } from "../command.ts";
import { getContainer } from "../container/get.ts";
import { StatusError } from "../exit.ts";
import { valueFormatFlag } from "../filter-flag.ts";
import { flag } from "../flags.ts";
import { getImage } from "../image/get.ts";
import { type Inspected, inspectAll } from "../inspect.ts";
import { getNetwork } from "../network/get.ts";
import { getVolume } from "../volume/get.ts";

const flags = {
  format: valueFormatFlag,
  size: flag.bool("Show how much disk a container uses, too", { short: "s" }),
  type: flag.string("Look only for objects of this kind"),
};

type Get = (client: Client, name: string, size: boolean) => Promise<Inspected>;

/** In the order in which a name is looked for. */
const kinds: Readonly<Record<string, Get>> = {
  container: getContainer,
  image: (client, name) => getImage(client, name),
  network: (client, name) => getNetwork(client, name),
  volume: (client, name) => getVolume(client, name),
};
/** Kinds that the daemon may know, and this client cannot show. */
const otherKinds = ["node", "service", "task", "plugin", "secret", "config"];

export default command<typeof flags>({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  args: atLeast(1),
  flags,
  run: async (cli, { args, flags }) => {
    const kind = flags.type;
    if (kind !== "" && !Object.hasOwn(kinds, kind)) {
      if (otherKinds.includes(kind)) throw new StatusError(1, `type is not supported: ${kind}`);
      const known = [...Object.keys(kinds), ...otherKinds].sort().map((name) => JSON.stringify(name));
      throw new StatusError(1, `unknown type: ${JSON.stringify(kind)}: must be one of ${known.join(", ")}`);
    }
    const client = await cli.client();
    const wanted = kind === "" ? Object.values(kinds) : [kinds[kind] as Get];
    return await inspectAll(cli, args, flags.format, async (name) => {
      for (const get of wanted) {
        try {
          return await get(client, name, flags.size);
        } catch (error) {
          // A name of another kind, or one that this kind cannot have.
          if (kind !== "" || !(isEngineError(error, "notFound") || isEngineError(error, "invalidArgument")))
            throw error;
        }
      }
      throw notFound(`Error: No such object: ${name}`);
    });
  },
});
