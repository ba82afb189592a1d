declare module 'bindings' {
  export default function bindings(options: {
    bindings: string;
    module_root: string;
    try: string[][];
  }): unknown;
}
