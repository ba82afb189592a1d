/**
 * Makes plain objects that are filled key by key. V8 learns from the first few how much room such an object needs; a
 * literal `{}` has room for four keys, and any more cost it a second piece of memory.
 */
export function roomy<T extends object>(): new () => T {
  function Plain() {}
  Plain.prototype = Object.prototype;
  return Plain as unknown as new () => T;
}
