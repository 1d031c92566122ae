// An S3 server with one empty bucket in a folder: main.mjs FOLDER PORT BUCKET (keys: S3RVER, S3RVER).
import { rm } from "node:fs/promises";
import { argv } from "node:process";
import S3rver from "@20minutes/s3rver";

const [, , directory, port, bucket] = argv;
const server = new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  directory,
  silent: true,
  vhostBuckets: false,
  // It signs the path of a bucket without the slash with which Bun lists it.
  allowMismatchedSignatures: true,
  configureBuckets: [{ name: bucket, configs: [] }],
});
const { store } = server;
// Its own also removes folders that it has found empty, and with them what has come into them since.
store.deleteObject = async (...of) => {
  for (const part of ["object", "object.md5", "metadata.json"]) {
    await rm(store.getResourcePath(...of, part), { force: true });
  }
};
await server.run();
