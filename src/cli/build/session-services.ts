import { BytesMessage, Empty } from "../../api/buildkit/control.ts";
import {
  CheckAgentRequest,
  CredentialsRequest,
  CredentialsResponse,
  GetSecretRequest,
  GetSecretResponse,
  sessionMethods,
} from "../../api/buildkit/session.ts";
import { type Method, type ServerCall, unary } from "../../api/grpc/server.ts";
import type { AuthConfig } from "../../api/images.ts";
import { notFound } from "../../base/errors.ts";
import { sendFiles } from "../../filesync/send.ts";
import { walk } from "../../filesync/walk.ts";
import { choiceOf } from "./folder-choice.ts";

/** Where files of the result go. */
export type Destination = { folder: string } | { file: string } | "stdout" | undefined;

/** What a client lets a build have. */
export interface Offers {
  /** Folders by the name that the build calls them. */
  folders: ReadonlyMap<string, string>;
  secrets: ReadonlyMap<string, () => Uint8Array>;
  /** Sockets of agents, by id. */
  agents: ReadonlyMap<string, string>;
  /** Standard input, where it is the context; by the path of its address. */
  upload: { path: string; body: AsyncIterable<Uint8Array> } | undefined;
  /** One for each output, in their order. */
  destinations: readonly Destination[];
  credentials: (host: string) => AuthConfig;
  /** Methods that only some builds need, by path: see `content-services.ts`. */
  further: readonly [string, Method][];
}

/** The methods of a session, by path. */
export function sessionServices(offers: Offers): Map<string, Method> {
  const { secrets, agents } = offers;
  const all: [string, Method, boolean][] = [
    [sessionMethods.readFiles, (call) => readFolder(call, offers), true],
    [
      sessionMethods.sendFiles,
      async (call) => {
        const { takeOutput } = await import("./take-output.ts");
        await takeOutput(
          call,
          offers.destinations[Number(fieldOf(call, "buildkit-attachable-exporter-id")[0] ?? 0)],
        );
      },
      offers.destinations.some(Boolean),
    ],
    [sessionMethods.upload, (call) => upload(call, offers), offers.upload !== undefined],
    [
      sessionMethods.credentials,
      unary(CredentialsRequest, CredentialsResponse, ({ Host }) => credentials(offers, Host)),
      true,
    ],
    [
      sessionMethods.secret,
      unary(GetSecretRequest, GetSecretResponse, ({ ID }) => {
        const secret = secrets.get(ID);
        if (secret === undefined) throw notFound(`secret ${ID} not found`);
        return { data: secret() };
      }),
      true,
    ],
    [
      sessionMethods.checkAgent,
      unary(CheckAgentRequest, Empty, ({ ID }) => {
        socketOf(agents, ID);
        return {};
      }),
      agents.size > 0,
    ],
    [
      sessionMethods.forwardAgent,
      async (call) => {
        const { forwardAgent } = await import("./forward-agent.ts");
        await forwardAgent(call, socketOf(agents, fieldOf(call, "buildkit.ssh.id")[0] ?? ""));
      },
      agents.size > 0,
    ],
  ];
  const offered = all.flatMap(([path, method, isOffered]): [string, Method][] =>
    isOffered ? [[path, method]] : [],
  );
  return new Map([...offered, ...offers.further]);
}

/** A header field of a call, each of its values; those that are not ASCII come percent-encoded. */
function fieldOf({ metadata }: ServerCall, name: string): readonly string[] {
  const all = metadata[name] ?? [];
  if (metadata[`${name}-encoded`]?.[0] !== "1") return all;
  return all.map((one) => decodeURIComponent(one.replaceAll("+", " ")));
}

async function readFolder(call: ServerCall, { folders }: Offers): Promise<void> {
  const [name = ""] = fieldOf(call, "dir-name");
  const folder = folders.get(name);
  if (folder === undefined) throw notFound(`no access allowed to dir ${JSON.stringify(name)}`);
  const asked = { exclude: fieldOf(call, "exclude-patterns"), follow: fieldOf(call, "followpaths") };
  await sendFiles(call, folder, walk(folder, choiceOf(folder, asked)));
}

async function upload(call: ServerCall, { upload: offered }: Offers): Promise<void> {
  const [path] = fieldOf(call, "urlpath");
  if (offered === undefined || offered.path !== path) throw notFound(`no upload for ${path}`);
  for await (const data of offered.body) await call.send(BytesMessage.encode({ data }));
}

function credentials(offers: Offers, host: string): { Username?: string; Secret?: string } {
  const { username = "", password = "", identitytoken = "" } = offers.credentials(host);
  return identitytoken === "" ? { Username: username, Secret: password } : { Secret: identitytoken };
}

function socketOf(agents: Offers["agents"], id: string): string {
  const socket = agents.get(id || "default");
  if (socket === undefined) throw new Error(`unset ssh forward key ${id || "default"}`);
  return socket;
}
