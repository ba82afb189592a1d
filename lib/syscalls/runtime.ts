// What is named for Node.js differs between the programs that run JavaScript where it takes descriptors.

/** Whether this is Bun: its sockets are no pipes, its http servers and undici its own. */
export const isBun = 'bun' in process.versions;

/** Whether this is Deno: its fs knows no descriptors but those it opened itself. */
export const isDeno = 'deno' in process.versions;
