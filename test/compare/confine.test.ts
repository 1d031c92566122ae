import { compareScript } from "./compare.ts";

compareScript("confine");
