import { compareScript } from "./compare.ts";

compareScript("create");
