/** Bad usage or input: said in one line, exit 2. */
export class InputError extends Error {}
