import { isEngineError, notImplemented } from "../../base/errors.ts";
import { findingsOf } from "../../builder/checks.ts";
import type { BuilderDeps } from "../../builder/deps.ts";
import type { BuildOptions } from "../../builder/options.ts";
import { outlineOf } from "../../builder/outline.ts";
import type { Finding } from "../../dockerfile/checks/findings.ts";
import { findingsText } from "../../dockerfile/checks/report.ts";
import { rules, ruleUrl } from "../../dockerfile/checks/rules.ts";
import { parseDockerfile } from "../../dockerfile/dockerfile.ts";
import { DockerfileError } from "../../dockerfile/errors.ts";
import { locationOf } from "../../dockerfile/location.ts";
import { targetsOf } from "../../dockerfile/targets.ts";

/** What is answered to a question about a Dockerfile: `result.json`, `result.txt`, `version`, … */
export type Answer = Record<string, string>;

const version = "1.0.0";
const type = "rpc";

interface Asked {
  deps: BuilderDeps;
  options: BuildOptions;
}

interface Request {
  description: string;
  opts?: { name: string; description: string }[];
  metadata: readonly string[];
  /** What `--build-context` names has a part in it. */
  readsContexts?: true;
  answer: (asked: Asked) => Answer;
}

const requests: Readonly<Record<string, Request>> = {
  "frontend.outline": {
    description: "List all parameters current build target supports",
    opts: [{ name: "target", description: "Target build stage" }],
    metadata: ["result.json", "result.txt"],
    answer: ({ options }) => {
      const outline = outlineOf(parseDockerfile(options.dockerfile), options);
      return { "result.json": json({ ...outline, sources: [base64(options.dockerfile)] }) };
    },
  },
  "frontend.targets": {
    description: "List all targets current build supports",
    metadata: ["result.json", "result.txt"],
    answer: ({ options }) => {
      const targets = targetsOf(parseDockerfile(options.dockerfile));
      return { "result.json": json({ targets, sources: [base64(options.dockerfile)] }) };
    },
  },
  "frontend.lint": {
    description: "Lint a Dockerfile",
    metadata: ["result.json", "result.txt", "result.statuscode"],
    readsContexts: true,
    answer: lint,
  },
};

export const readsContexts = (requestid: string): boolean => requests[requestid]?.readsContexts ?? false;

/** Answers `requestid` (BuildKit's frontend/subrequests). Throws `notImplemented` for another, `DockerfileError`. */
export function answerRequest(requestid: string, asked: Asked): Answer {
  const request = Object.hasOwn(requests, requestid) ? requests[requestid] : undefined;
  if (request === undefined) throw unsupported(requestid);
  return { version, ...request.answer(asked) };
}

/** What may be asked for: needs no Dockerfile. */
export function describeRequests(): Answer {
  const all = Object.entries(requests).map(([name, { description, opts = [], metadata }]) => ({
    name,
    version,
    type,
    description,
    opts,
    metadata: metadata.map((one) => ({ name: one })),
  }));
  const own = {
    name: describe,
    version,
    type,
    description: "List available subrequest types",
    metadata: [{ name: "result.json" }, { name: "result.txt" }],
  };
  return { version, "result.json": json([...all, own]) };
}

export const describe = "frontend.subrequests.describe";

export const unsupported = (requestid: string) => notImplemented(`unsupported request ${requestid}`);

function lint({ deps, options }: Asked): Answer {
  const { dockerfile: text, dockerfileName } = options;
  const sources = [
    { fileName: dockerfileName, language: "Dockerfile", definition: null, data: base64(text) },
  ];
  let findings: Finding[] = [];
  let failure: DockerfileError | undefined;
  try {
    ({ findings, failure } = findingsOf(deps, parseDockerfile(text), options));
  } catch (error) {
    if (!(error instanceof DockerfileError) && !isEngineError(error)) throw error;
    failure = error instanceof DockerfileError ? error : new DockerfileError(error.message);
  }
  const warnings = findings.map(({ rule, message, range }) => ({
    ruleName: rule,
    description: rules[rule].description,
    url: ruleUrl(rule),
    detail: message,
    location: locationOf(range),
  }));
  const location = failure?.range === undefined ? {} : locationOf(failure.range);
  const buildError = failure && { message: failure.message, location };
  return {
    "result.json": json({ warnings, sources, ...(buildError && { buildError }) }),
    "result.txt": findingsText(findings, dockerfileName, text),
    "result.statuscode": findings.length > 0 || failure !== undefined ? "1" : "0",
  };
}

const json = (value: unknown) => JSON.stringify(value, null, 2);
const base64 = (text: string) => Buffer.from(text).toString("base64");
