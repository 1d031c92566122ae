import { createWriteStream, mkdirSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { finished } from "node:stream/promises";
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
import { invalidArgument, notFound } from "../../base/errors.ts";
import { receiveFiles } from "../../filesync/receive.ts";
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
}

/** The methods of a session, by path. */
export function sessionServices(offers: Offers): Map<string, Method> {
  const { secrets, agents } = offers;
  const all: [string, Method, boolean][] = [
    [sessionMethods.readFiles, (call) => readFolder(call, offers), true],
    [sessionMethods.sendFiles, (call) => takeOutput(call, offers), offers.destinations.some(Boolean)],
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
    [sessionMethods.forwardAgent, (call) => forwardAgent(call, agents), agents.size > 0],
  ];
  return new Map(all.filter(([, , isOffered]) => isOffered).map(([path, method]) => [path, method]));
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

async function takeOutput(call: ServerCall, { destinations }: Offers): Promise<void> {
  const [number = "0"] = fieldOf(call, "buildkit-attachable-exporter-id");
  const destination = destinations[Number(number)];
  if (destination === undefined) throw invalidArgument(`output ${number} has no destination`);
  if (typeof destination === "object" && "folder" in destination) {
    mkdirSync(destination.folder, { recursive: true });
    await receiveFiles(call, { directory: destination.folder, known: new Map(), merge: true });
    return;
  }
  if (destination === "stdout") {
    for await (const bytes of call.messages()) writeSync(1, BytesMessage.decode(bytes).data);
    return;
  }
  const file = createWriteStream(destination.file);
  const written = finished(file);
  written.catch(() => {});
  for await (const bytes of call.messages()) {
    if (!file.write(BytesMessage.decode(bytes).data) && !file.destroyed) {
      await Promise.race([new Promise((resolve) => file.once("drain", resolve)), written]);
    }
  }
  file.end();
  await written;
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

async function forwardAgent(call: ServerCall, agents: Offers["agents"]): Promise<void> {
  const [id = "default"] = fieldOf(call, "buildkit.ssh.id");
  const socket = connect(socketOf(agents, id));
  call.signal.addEventListener("abort", () => socket.destroy(), { once: true });
  const asking = (async () => {
    for await (const bytes of call.messages()) socket.write(BytesMessage.decode(bytes).data);
    socket.end();
  })();
  asking.catch(() => socket.destroy());
  for await (const data of socket) await call.send(BytesMessage.encode({ data }));
}
