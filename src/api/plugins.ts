import { any, bool, type Infer, input, list, nullable, optional, string, struct } from "./schema.ts";

export const PluginPrivilege = input("plugin.Privilege", () => ({
  Name: string,
  Description: string,
  Value: list(string),
}));
export type PluginPrivilege = Infer<typeof PluginPrivilege>;

export const Plugin = struct("plugin.Plugin", () => ({
  Config: any,
  Enabled: bool,
  Id: optional(string),
  Name: string,
  PluginReference: optional(string),
  Settings: struct("plugin.Settings", () => ({
    Args: nullable(list(string)),
    Devices: nullable(list(any)),
    Env: nullable(list(string)),
    Mounts: nullable(list(any)),
  })),
}));
export type Plugin = Infer<typeof Plugin>;
