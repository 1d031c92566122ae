import { compareScript } from "./compare.ts";

compareScript("objects");
