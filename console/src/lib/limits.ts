// Limits of the API that are told before it is asked: as docs/openapi.yaml has them (tests/e2e/openapi.test.mjs compares).
export const PASSWORD_MIN = 10;

// As the node counts: characters, not UTF-16 units.
export const isShort = (password: string) => [...password].length < PASSWORD_MIN;
