import { chmodSync, chownSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { BytesMessage, Empty } from "../../api/buildkit/control.ts";
import {
  CheckAgentRequest,
  CredentialsRequest,
  CredentialsResponse,
  GetSecretRequest,
  GetSecretResponse,
  sessionMethods,
} from "../../api/buildkit/session.ts";
import { GrpcError } from "../../api/grpc/status.ts";
import type { Cleanups } from "../../base/disposables.ts";
import { isEngineError } from "../../base/errors.ts";
import type { Credentials } from "../../distribution/credentials.ts";
import type { SocketAccess } from "../options.ts";
import type { ClientSession } from "./client-session.ts";

/** A secret of the client; undefined where it has none of that id. */
export async function secretOf(
  session: ClientSession,
  id: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!session.offers("secret")) return undefined;
  try {
    const ask = [GetSecretRequest, { ID: id }] as const;
    return (await session.rpc.call(sessionMethods.secret, ask, GetSecretResponse, signal)).data;
  } catch (error) {
    if (isEngineError(error, "notFound")) return undefined;
    throw error;
  }
}

/** What the client would log in to a registry with. */
export async function credentialsOf(
  session: ClientSession,
  registry: string,
  signal: AbortSignal,
): Promise<Credentials> {
  if (!session.offers("credentials")) return {};
  // Clients ask their configuration by the name that the registry answers to.
  const Host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const ask = [CredentialsRequest, { Host }] as const;
  const { Username, Secret } = await session.rpc.call(
    sessionMethods.credentials,
    ask,
    CredentialsResponse,
    signal,
  );
  if (Secret === "") return {};
  // A token instead of a password comes without a user.
  return Username === "" ? { identitytoken: Secret } : { username: Username, password: Secret };
}

/** The socket of an agent that forwards to the client's, made on first use; undefined where it has none of that id. */
export async function agentSocket(
  session: ClientSession,
  id: string,
  {
    execRoot,
    access,
    owned,
    signal,
  }: { execRoot: string; access: SocketAccess; owned: Cleanups; signal: AbortSignal },
): Promise<string | undefined> {
  if (!session.offers("forwardAgent")) return undefined;
  try {
    await session.rpc.call(sessionMethods.checkAgent, [CheckAgentRequest, { ID: id }], Empty, signal);
  } catch (error) {
    // "unset ssh forward key": gRPC's code for it is Unknown.
    if (error instanceof GrpcError && /unset ssh forward key/.test(error.message)) return undefined;
    throw error;
  }
  const folder = join(execRoot, "build", crypto.randomUUID());
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  owned.add(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "agent");
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    void forward(session, id, socket, signal);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chownSync(path, access.uid, access.gid);
  chmodSync(path, access.mode);
  owned.add(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return path;
}

async function forward(
  session: ClientSession,
  id: string,
  socket: Socket,
  signal: AbortSignal,
): Promise<void> {
  // A process that goes away without reading the answer is no concern of the build.
  socket.on("error", () => {});
  try {
    const call = session.rpc.open(sessionMethods.forwardAgent, { "buildkit.ssh.id": [id] }, signal);
    const ask = async () => {
      for await (const data of socket) await call.send(BytesMessage.encode({ data }));
      call.end();
    };
    const asking = ask().catch(() => call.destroy());
    for await (const answer of call.messages()) socket.write(BytesMessage.decode(answer).data);
    socket.end();
    await asking;
  } catch {
    // The step sees an agent that hangs up; what it then says is its own.
    socket.destroy();
  }
}
