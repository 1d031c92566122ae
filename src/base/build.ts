declare const BUILD_VERSION: string;
declare const BUILD_COMMIT: string;

/** The version of this build; `dev` when run from source. */
export const buildVersion = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "dev";
/** The commit that it was built from. */
export const buildCommit = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "unknown";

/**
 * The release of Docker whose commands, flags and answers these programs have. It stands where scripts look for a
 * version of Docker; our own stands beside it.
 */
export const dockerRelease = "28.2.2";
