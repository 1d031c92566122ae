import { errnoOf, invalidArgument, messageOf } from "../base/errors.ts";
import { nodeFs, readText } from "./node-fs.ts";

/** Credentials of one registry, as config.json holds them. */
export interface StoredAuth {
  readonly auth?: string;
  readonly identitytoken?: string;
}

/** Proxies for containers of one daemon, or of all (`default`). */
export interface ProxyConfig {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

/** What the client reads of `config.json`; other keys are left alone. */
export interface ConfigFile {
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly HttpHeaders?: Readonly<Record<string, string>>;
  readonly currentContext?: string;
  readonly detachKeys?: string;
  readonly psFormat?: string;
  readonly imagesFormat?: string;
  readonly statsFormat?: string;
  readonly networksFormat?: string;
  readonly volumesFormat?: string;
  readonly proxies?: Readonly<Record<string, ProxyConfig>>;
  readonly cliPluginsExtraDirs?: readonly string[];
  readonly pruneFilters?: readonly string[];
}

/** Asked of the system only where the environment does not say: `node:os` is slow to load. */
const home = () => process.env.HOME ?? process.getBuiltinModule("node:os").homedir();

/** The folder of the client's files: `--config`, DOCKER_CONFIG, or `~/.docker`. */
export function configFolder(flag: string): string {
  return flag || process.env.DOCKER_CONFIG || `${home()}/.docker`;
}

/** Reads `config.json`; an absent one is empty. Throws `invalidArgument` with the path for one that cannot be read. */
export function readConfigFile(folder: string): ConfigFile {
  const path = `${folder}/config.json`;
  try {
    const parsed: unknown = JSON.parse(readText(path) || "{}");
    return typeof parsed === "object" && parsed !== null ? (parsed as ConfigFile) : {};
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return {};
    throw invalidArgument(`Error parsing config file (${path}): ${messageOf(error)}`, error);
  }
}

/**
 * Changes `config.json`: the keys of `changes` are set (removed where undefined), all others stay as they are, also
 * those that this client does not know. The file is replaced as a whole, and only its owner can read it. Throws what
 * `readConfigFile` throws.
 */
export function updateConfigFile(
  folder: string,
  changes: { [Key in keyof ConfigFile]: ConfigFile[Key] | undefined },
): void {
  const next = { auths: {}, ...readConfigFile(folder), ...changes };
  nodeFs().mkdirSync(folder, { recursive: true, mode: 0o700 });
  // A link stays one: people keep the file elsewhere.
  const path = realPath(`${folder}/config.json`);
  const temporary = `${path}.${process.pid}`;
  try {
    const fd = nodeFs().openSync(temporary, "wx", 0o600);
    try {
      nodeFs().writeSync(fd, JSON.stringify(next, undefined, "\t"));
      nodeFs().fsyncSync(fd);
    } finally {
      nodeFs().closeSync(fd);
    }
    nodeFs().renameSync(temporary, path);
  } catch (error) {
    nodeFs().rmSync(temporary, { force: true });
    throw error;
  }
}

function realPath(path: string): string {
  try {
    return nodeFs().realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return path;
    throw error;
  }
}
