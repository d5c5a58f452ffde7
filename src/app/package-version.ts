// Generated from package.json by tools/generate-embedded.mjs. Do not edit.

/** Of this package. */
export const PACKAGE_VERSION = "0.1.0";
