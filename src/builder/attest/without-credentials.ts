/** Without the name and the password that an address may have. */
export function withoutCredentials(address: string): string {
  return address.replace(/^([a-z][a-z+.-]*:\/\/)[^/@\s]+@/i, "$1");
}
