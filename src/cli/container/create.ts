import type { ContainerCreateRequest } from "../../api/containers.ts";
import { versionAtLeast } from "../../api/version.ts";
import { invalidArgument, isEngineError, messageOf } from "../../base/errors.ts";
import type { Client } from "../../client/client.ts";
import { familiarString, type Reference } from "../../oci/reference.ts";
import type { Cli } from "../cli.ts";
import { referenceOf } from "../image/reference.ts";
import { nodeFs } from "../node-fs.ts";
import { type CreateInput, createRequest } from "./create-request.ts";
import { withProxies } from "./environment.ts";

/** What `create` and `run` ask for besides the container itself. */
export interface CreateOptions {
  readonly name: string;
  readonly platform: string;
  readonly pull: string;
  readonly quiet: boolean;
  readonly cidfile: string;
}

/** Builds the request from the command line, with the proxies of config.json. */
export function requestFromFlags(cli: Cli, input: CreateInput): ContainerCreateRequest {
  const host = cli.endpoint.host;
  const env = withProxies(input.flags.env, cli.config, host);
  const request = { ...input, flags: { ...input.flags, env } };
  if (!input.flags["use-api-socket"]) return createRequest(request);
  if (!host.startsWith("unix://")) {
    throw invalidArgument(
      `flag --use-api-socket can only be used with unix sockets: docker endpoint ${host} incompatible`,
    );
  }
  return createRequest({ ...request, apiSocket: host.slice("unix://".length) });
}

/** Checks `--pull`. */
export function checkPull(pull: string): void {
  if (pull !== "" && !["always", "missing", "never"].includes(pull)) {
    throw invalidArgument(`invalid pull option: '${pull}': must be one of "always", "missing" or "never"`);
  }
}

/** The file that `--cidfile` names: must not be there, and is taken away again when no container was made. */
class IdFile implements Disposable {
  readonly #path: string;
  #written = false;

  constructor(path: string) {
    this.#path = path;
    if (path === "") return;
    if (nodeFs().existsSync(path)) {
      throw invalidArgument(
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    }
    nodeFs().writeFileSync(path, "");
  }

  write(id: string): void {
    if (this.#path === "") return;
    nodeFs().writeFileSync(this.#path, id);
    this.#written = true;
  }

  [Symbol.dispose](): void {
    if (this.#path === "" || this.#written || !nodeFs().existsSync(this.#path)) return;
    if (nodeFs().statSync(this.#path).size === 0) nodeFs().unlinkSync(this.#path);
  }
}

const loopback = /^::1$|^127\./;

/** Creates a container, and fetches its image first where that is asked for. Resolves to the container's ID. */
export async function createContainer(
  cli: Cli,
  client: Client,
  request: ContainerCreateRequest,
  options: CreateOptions,
): Promise<string> {
  for (const dns of request.HostConfig?.Dns ?? []) {
    if (!loopback.test(dns)) continue;
    cli.printError(`WARNING: Localhost DNS (${dns}) may fail in containers.`);
    break;
  }
  using idFile = new IdFile(options.cidfile);
  const reference = referenceOf(request.Image ?? "");
  const platform = await platformOf(options.platform || process.env.DOCKER_DEFAULT_PLATFORM || "");
  const query = { name: options.name || undefined, platform: platform || undefined };
  const body = await forVersion(client, request);
  const create = () => client.call("ContainerCreate", { query, body });
  if (options.pull === "always" && reference) await pull(cli, client, reference, platform, options.quiet);
  const made = await create().catch(async (error: unknown) => {
    const fetchable =
      reference !== undefined && options.pull === "missing" && isEngineError(error, "notFound");
    if (!fetchable) throw error;
    if (!options.quiet) cli.printError(`Unable to find image '${familiarString(reference)}' locally`);
    await pull(cli, client, reference, platform, options.quiet);
    return await create();
  });
  for (const warning of made.Warnings ?? []) cli.printError(`WARNING: ${warning}`);
  idFile.write(made.Id);
  return made.Id;
}

/** `linux` as `linux/amd64`. Throws with the Go client's text for what is no platform. */
async function platformOf(text: string): Promise<string> {
  if (text === "") return "";
  const { formatPlatform, parsePlatform } = await import("../../oci/platform.ts");
  try {
    return formatPlatform(parsePlatform(text));
  } catch (error) {
    throw invalidArgument(`error parsing specified platform: ${messageOf(error)}`, error);
  }
}

/** Leaves out what the daemon's version has at another place, or no more. */
async function forVersion(client: Client, request: ContainerCreateRequest): Promise<ContainerCreateRequest> {
  const { MacAddress, HostConfig, ...rest } = request;
  if (!MacAddress && !HostConfig?.KernelMemory) return request;
  const version = await client.negotiate();
  const { KernelMemory, ...host } = HostConfig ?? {};
  return {
    ...rest,
    ...(MacAddress && !versionAtLeast(version, "1.44") ? { MacAddress } : {}),
    HostConfig: KernelMemory && !versionAtLeast(version, "1.42") ? { ...host, KernelMemory } : host,
  };
}

async function pull(
  cli: Cli,
  client: Client,
  reference: Reference,
  platform: string,
  quiet: boolean,
): Promise<void> {
  const { pullImage } = await import("../image/pull.ts");
  const { nowhere } = await import("../progress.ts");
  await pullImage(cli, client, reference, quiet ? nowhere : cli.err, { platform });
}
