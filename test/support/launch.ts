/** Node's options for a riverbend process, the same as in package.json's `riverbend` script and docker/Dockerfile. */
export const NODE_OPTIONS: readonly string[] = ['--disable-warning=TimeoutNegativeWarning', '--max-semi-space-size=16'];
