import type { Cli } from "../cli.ts";
import { resolveEndpoint } from "../connection.ts";
import { type ContextMeta, type ContextTls, readContext, readContextTls } from "../context-store.ts";
import { defaultContext } from "./names.ts";

const description = "Current DOCKER_HOST based configuration";

/** `default`: what flags and environment say, whatever context is in use. */
function defaultMeta(cli: Cli): ContextMeta {
  const { host, tls } = resolveEndpoint({ ...cli.globals, context: defaultContext }, cli.configFolder, "");
  const Endpoints = { docker: { Host: host, SkipTLSVerify: tls ? !tls.verify : false } };
  return { Name: defaultContext, Metadata: { Description: description }, Endpoints };
}

function defaultTls(cli: Cli): ContextTls {
  const { tls } = resolveEndpoint({ ...cli.globals, context: defaultContext }, cli.configFolder, "");
  const files = Object.entries({ "ca.pem": tls?.ca, "cert.pem": tls?.cert, "key.pem": tls?.key });
  const given = files.flatMap(([name, text]) => (text === undefined ? [] : [[name, Buffer.from(text)]]));
  return given.length > 0 ? { docker: Object.fromEntries(given) } : {};
}

/** A context with its TLS files; `default` too. Throws `notFound`. */
export function loadContext(cli: Cli, name: string): { meta: ContextMeta; tls: ContextTls } {
  if (name === defaultContext) return { meta: defaultMeta(cli), tls: defaultTls(cli) };
  return { meta: readContext(cli.configFolder, name), tls: readContextTls(cli.configFolder, name) };
}
