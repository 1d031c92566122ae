// An S3 server with one empty bucket in a folder: main.mjs FOLDER PORT BUCKET (keys: S3RVER, S3RVER).
import { argv } from "node:process";
import S3rver from "@20minutes/s3rver";

const [, , directory, port, bucket] = argv;
await new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  directory,
  silent: true,
  vhostBuckets: false,
  // It signs the path of a bucket without the slash with which Bun lists it.
  allowMismatchedSignatures: true,
  configureBuckets: [{ name: bucket, configs: [] }],
}).run();
