/** A daemon in a process of its own, for tests that kill it: connects two containers and waits for its end. */
import { request, TestDaemon } from "./isolated-host.ts";

const [execRoot = "", path = ""] = process.argv.slice(2);
const { networks } = new TestDaemon(execRoot, path, { config: {}, poolSize: 2 });
await networks.start();
await networks.reconcile([]);
const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8080" }] };
const survivor = await networks.connect(request("survivor", { portBindings }));
const casualty = await networks.connect(
  request("casualty", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8081" }] } }),
);
process.stdout.write(`${JSON.stringify([survivor, casualty])}\n`);
setInterval(() => {}, 1000);
