// What an unknown option may have been meant for.

/** What other APIs call something: the option that it is here, and how to say it. */
export type Elsewhere = Readonly<Record<string, readonly (readonly [known: string, instead: string])[]>>;

/** What Node and iproute2 say. */
const EVERYWHERE: Elsewhere = {
  timeout: [['signal', 'use signal: AbortSignal.timeout(ms).']],
  hostname: [['host', "did you mean 'host'?"]],
  host: [['reuseAddr', 'use bind: { host, port }.']],
  port: [['reuseAddr', 'use bind: { host, port }.']],
  to: [['destination', "did you mean 'destination'?"]],
  via: [['gateway', "did you mean 'gateway'?"]],
  dev: [['device', "did you mean 'device'?"]],
};

/** A sentence: "did you mean 'upper'?" or the like; undefined where nothing is near. */
export function meant(key: string, known: readonly string[], elsewhere: Elsewhere): string | undefined {
  const words = { ...EVERYWHERE, ...elsewhere };
  const instead = (Object.hasOwn(words, key) ? words[key] : undefined)?.find(([one]) =>
    known.includes(one),
  )?.[1];
  if (instead !== undefined) return instead;
  const most = key.length < 6 ? 1 : 2;
  const [nearest] = known
    .map((one) => ({ one, far: distance(key.toLowerCase(), one.toLowerCase(), most) }))
    .filter(({ far }) => far <= most)
    .sort((a, b) => a.far - b.far);
  return nearest && `did you mean '${nearest.one}'?`;
}

/** How many letters to insert, remove, change or swap with the next one; of more than `most` only that they are more. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const ways = [at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) ways.push(at(before, j - 2) + 1);
      row.push(Math.min(...ways));
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

const at = (row: readonly number[] | undefined, i: number): number => row?.[i] ?? Infinity;
