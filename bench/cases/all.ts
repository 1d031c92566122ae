import type { BenchCase } from "../lib/case.ts";
import { attachCases } from "./attach.ts";
import { buildCases } from "./build.ts";
import { clientCases } from "./client.ts";
import { copyCases } from "./copy.ts";
import { daemonCases } from "./daemon.ts";
import { eventCases } from "./events.ts";
import { execCases } from "./exec.ts";
import { imageCases } from "./images.ts";
import { lifeCycleCases } from "./life-cycle.ts";
import { listCases } from "./list.ts";
import { logCases } from "./logs.ts";
import { memoryCases } from "./memory.ts";
import { nameCases } from "./names.ts";
import { portCases } from "./ports.ts";
import { registryCases } from "./registry.ts";
import { runCases } from "./run.ts";

/** Every case there is; a name begins with its group. */
export const allCases: readonly BenchCase[] = [
  ...clientCases,
  ...runCases,
  ...execCases,
  ...lifeCycleCases,
  ...listCases,
  ...imageCases,
  ...buildCases,
  ...logCases,
  ...attachCases,
  ...copyCases,
  ...portCases,
  ...nameCases,
  ...eventCases,
  ...registryCases,
  ...daemonCases,
  ...memoryCases,
];
