import { stopCommand } from "../../container/stop.ts";

export default stopCommand("ContainerRestart");
