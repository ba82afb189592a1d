/** Major and minor number of a kernel release: '6.1.0-28-cloud-amd64' is [6, 1]. */
function numbers(release: string): [number, number] {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return [Number(major), Number(minor)];
}

/** Whether a kernel is of that version or newer. */
export function atLeast(release: string, version: string): boolean {
  const [major, minor] = numbers(release);
  const [wantedMajor, wantedMinor] = numbers(version);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
