import { compareScript } from "./compare.ts";

compareScript("life");
