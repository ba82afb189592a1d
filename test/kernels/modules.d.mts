export interface ModuleIndex {
  files: Map<string, string>;
  builtin: Set<string>;
}
export function moduleName(path: string): string;
export function indexModules(directory: string): ModuleIndex;
export function matchModules(patterns: string[], index: ModuleIndex): { wanted: string[]; absent: string[] };
export function loadOrder(
  wanted: string[],
  files: Map<string, string>,
  dependenciesOf: (name: string) => string[],
): string[];
export function dependencies(image: Buffer): string[];
export function readModule(path: string): Buffer;
