import { configFolder } from "./config-file.ts";
import { type FlagSet, type FlagValues, flag, type ParsedFlags } from "./flags.ts";

/** The flags that stand before the command. */
export function globalFlagSet() {
  const folder = configFolder("");
  const certs = process.env.DOCKER_CERT_PATH || folder;
  return {
    config: flag.string("Folder of the client's configuration files", { initial: folder }),
    context: flag.string(
      'Context that says where the daemon is (wins over DOCKER_HOST and over the one chosen by "docker context use")',
      { short: "c" },
    ),
    debug: flag.bool("Show what happens inside", { short: "D" }),
    host: flag.list("Socket or address of the daemon", { short: "H" }),
    "log-level": flag.string('Least severe messages to log ("debug", "info", "warn", "error", "fatal")', {
      short: "l",
      initial: "info",
    }),
    tls: flag.bool("Connect by TLS; --tlsverify does so too"),
    tlscacert: flag.string("Certificate authority that must have signed the daemon's certificate", {
      initial: `${certs}/ca.pem`,
    }),
    tlscert: flag.string("File of the client's TLS certificate", { initial: `${certs}/cert.pem` }),
    tlskey: flag.string("File of the client's TLS key", { initial: `${certs}/key.pem` }),
    tlsverify: flag.bool("Connect by TLS and check the daemon's certificate"),
    version: flag.bool("Print the client's version", { short: "v" }),
  } satisfies FlagSet;
}

export type GlobalFlags = FlagValues<ReturnType<typeof globalFlagSet>> & {
  readonly changed: (name: string) => boolean;
};

export function globalFlags(parsed: ParsedFlags): GlobalFlags {
  const values = parsed.values as FlagValues<ReturnType<typeof globalFlagSet>>;
  return { ...values, changed: (name) => parsed.changed.has(name) };
}
