import { compareScript } from "./compare.ts";

compareScript("processes");
