import { expect, test } from "bun:test";
import { requireKernel } from "./kernel.ts";

test("a kernel that is too old is an error that says which one is needed", () => {
  for (const kernel of ["5.6.0", "5.10.0-46-cloud-amd64", "6.1.0-50-amd64", "6.12.107+deb13-cloud-amd64"])
    expect(() => requireKernel(kernel)).not.toThrow();
  expect(() => requireKernel("5.4.0-216-generic")).toThrow(
    "Linux 5.6 or newer is needed: this is 5.4.0-216-generic",
  );
  expect(() => requireKernel("4.18.0-553.el8.x86_64")).toThrow("Linux 5.6 or newer is needed");
});
