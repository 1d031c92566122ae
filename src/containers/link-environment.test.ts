import { expect, test } from "bun:test";
import { linkEnvironment } from "./link-environment.ts";

const link = { name: "/web/my-db", address: "172.17.0.3", exposedPorts: [], env: [] };

test("ports, the lowest first, and the other's environment", () => {
  const exposedPorts = ["8080/tcp", "5000/udp"];
  expect(linkEnvironment({ ...link, exposedPorts, env: ["A=b=c", "PATH=/", "HOME=/", "NONE"] })).toEqual([
    "MY_DB_PORT=udp://172.17.0.3:5000",
    "MY_DB_PORT_5000_UDP=udp://172.17.0.3:5000",
    "MY_DB_PORT_5000_UDP_ADDR=172.17.0.3",
    "MY_DB_PORT_5000_UDP_PORT=5000",
    "MY_DB_PORT_5000_UDP_PROTO=udp",
    "MY_DB_PORT_8080_TCP=tcp://172.17.0.3:8080",
    "MY_DB_PORT_8080_TCP_ADDR=172.17.0.3",
    "MY_DB_PORT_8080_TCP_PORT=8080",
    "MY_DB_PORT_8080_TCP_PROTO=tcp",
    "MY_DB_NAME=/web/my-db",
    "MY_DB_ENV_A=b=c",
  ]);
});

test("ports that follow each other are told as a range as well", () => {
  const found = linkEnvironment({ ...link, exposedPorts: ["82/tcp", "80/tcp", "81/tcp", "90/tcp"] });
  expect(found.filter((entry) => /START|END|_PORT=/.test(entry))).toEqual([
    "MY_DB_PORT=tcp://172.17.0.3:80",
    "MY_DB_PORT_80_TCP_START=tcp://172.17.0.3:80",
    "MY_DB_PORT_80_TCP_PORT_START=80",
    "MY_DB_PORT_82_TCP_END=tcp://172.17.0.3:82",
    "MY_DB_PORT_82_TCP_PORT_END=82",
    "MY_DB_PORT_80_TCP_PORT=80",
    "MY_DB_PORT_81_TCP_PORT=81",
    "MY_DB_PORT_82_TCP_PORT=82",
    "MY_DB_PORT_90_TCP_PORT=90",
  ]);
});
