import { connect, type Socket } from "node:net";
import { messageOf, unavailable } from "../../base/errors.ts";
import { type DbusMessage, decodeMessage, encodeMessage, lengthOf, messageTypes } from "./message.ts";
import type { DbusValue } from "./values.ts";

/** What a program on the bus refused. */
export class DbusError extends Error {
  override readonly name = "DbusError";
}

/** An object's method. */
export interface DbusCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  /** The types of `body`. */
  signature?: string;
  body?: readonly DbusValue[];
}

const bus = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};
/** How long an answer may take, in milliseconds: the programs on the bus may be starting. */
const patience = 30_000;

/** The socket of the system's bus: `DBUS_SYSTEM_BUS_ADDRESS`, or where it always is. */
export function systemBus(): string {
  const [, path] = /(?:^|;)unix:path=([^,;]+)/.exec(process.env.DBUS_SYSTEM_BUS_ADDRESS ?? "") ?? [];
  return path ?? "/run/dbus/system_bus_socket";
}

interface Waiting {
  resolve: (body: readonly DbusValue[]) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

interface Login {
  resolve: () => void;
  reject: (error: Error) => void;
}

/** A connection to a message bus, as the user that this process is. */
export class DbusConnection implements Disposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onSignal: (signal: DbusMessage) => void;
  #serial = 0;
  #received: Buffer = Buffer.alloc(0);
  /** Until the bus has let us in, it talks in lines. */
  #login: Login | undefined;
  #closed: Error | undefined;

  private constructor(socket: Socket, onSignal: (signal: DbusMessage) => void) {
    this.#socket = socket;
    this.#onSignal = onSignal;
    socket.on("data", (bytes) => this.#take(Buffer.from(bytes)));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
    // A daemon that is done does not wait for the bus.
    socket.unref();
  }

  /** Throws `unavailable` when there is no bus that lets us in. */
  static async open(path: string, onSignal: (signal: DbusMessage) => void): Promise<DbusConnection> {
    const connection = new DbusConnection(connect(path), onSignal);
    try {
      await connection.#authenticate();
      await connection.call({ ...bus, member: "Hello" });
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw unavailable(`no message bus at ${path}: ${messageOf(error)}`, error);
    }
  }

  /** The connection is of no use any more. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** The kernel tells the bus who we are (SASL's mechanism EXTERNAL); the name is only asked to be the same. */
  #authenticate(): Promise<void> {
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString("hex");
    return new Promise((resolve, reject) => {
      this.#login = { resolve, reject };
      this.#socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    });
  }

  /** Calls a method and gives what it answers. Throws `DbusError` for what it refuses, or when no answer comes. */
  call({ body = [], ...target }: DbusCall): Promise<readonly DbusValue[]> {
    if (this.#closed) return Promise.reject(this.#closed);
    const serial = ++this.#serial;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(serial);
        reject(new DbusError(`${target.destination} does not answer ${target.member}`));
      }, patience);
      timer.unref();
      this.#waiting.set(serial, { resolve, reject, timer });
      this.#socket.write(encodeMessage({ type: messageTypes.call, serial, body, ...target }));
    });
  }

  /** From now on signals that match the rule are told (D-Bus specification, "Match Rules"). */
  async listen(rule: string): Promise<void> {
    await this.call({ ...bus, member: "AddMatch", signature: "s", body: [rule] });
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    try {
      if (this.#login && !this.#logIn(this.#login)) return;
      for (;;) {
        const length = lengthOf(this.#received);
        if (length === undefined || this.#received.length < length) return;
        const message = decodeMessage(this.#received.subarray(0, length));
        this.#received = this.#received.subarray(length);
        this.#handle(message);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** True when the bus has let us in. */
  #logIn(login: Login): boolean {
    const end = this.#received.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#received.toString("latin1", 0, end);
    this.#received = this.#received.subarray(end + 2);
    if (!line.startsWith("OK ")) throw new Error(`it does not let us in: ${line}`);
    this.#login = undefined;
    this.#socket.write("BEGIN\r\n");
    login.resolve();
    return true;
  }

  #handle(message: DbusMessage): void {
    const { type, replySerial = 0, body, errorName } = message;
    if (type === messageTypes.signal) this.#onSignal(message);
    const waiting = this.#waiting.get(replySerial);
    if (!waiting || (type !== messageTypes.answer && type !== messageTypes.error)) return;
    this.#waiting.delete(replySerial);
    clearTimeout(waiting.timer);
    if (type === messageTypes.answer) waiting.resolve(body);
    else waiting.reject(new DbusError(typeof body[0] === "string" ? body[0] : (errorName ?? "refused")));
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    this.#login?.reject(error);
    this.#login = undefined;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.#fail(new Error("the connection was closed"));
  }
}
