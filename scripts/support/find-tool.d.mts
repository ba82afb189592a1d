/** The path of a program of the system, or undefined. */
export function findTool(name: string): string | undefined;
