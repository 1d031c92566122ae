import { UnixDatagram } from "./unix-datagram.ts";

/**
 * Tells the service manager (systemd) how the daemon is, `READY=1` or `STOPPING=1`: sd_notify(3). A unit of
 * `Type=notify`, as Docker's is, counts as started only then. Nothing happens without a service manager that wants to
 * know. Throws `SyscallError`.
 */
export function notifyServiceManager(state: "READY=1" | "STOPPING=1"): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path) return;
  using socket = new UnixDatagram(path);
  socket.send(Buffer.from(state));
}
