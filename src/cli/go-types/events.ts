/** What `docker events --format` sees, as Go types. Notation: `gotemplate/declarations.ts`. */
export const eventTypes = `
events.Type string
events.Action string
events.Actor {
  ID string
  Attributes map[string]string
}
events.Message {
  Status string status ?
  ID string id ?
  From string from ?
  Type events.Type
  Action events.Action
  Actor events.Actor
  Scope string scope ?
  Time int64 time ?
  TimeNano int64 timeNano ?
}
`;
