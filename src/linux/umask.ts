/** The permissions that files can be made with: the process withholds the others (umask(2)). */
export const creatable = 0o777 & ~process.umask();
