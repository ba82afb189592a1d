// Where two values of plain data differ.

type Data = Record<string, unknown>;

/** The paths at which they differ: 'links.0.mtu: 1500, 1450'. What one of them lacks is said as 'nothing'. */
export function differences(one: unknown, other: unknown, path: string[] = []): string[] {
  const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null;
  if (isData(one) && isData(other)) {
    const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
    return keys.flatMap((key) => differences(one[key], other[key], [...path, key]));
  }
  if (one === other) return [];
  const text = (value: unknown) => JSON.stringify(value) ?? 'nothing';
  return [`${path.join('.')}: ${text(one)}, ${text(other)}`];
}
