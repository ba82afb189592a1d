// Medians, and times as people read them.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const UNITS = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** Nanoseconds with three digits: '1.23 ms', '105 ms', '4.10 s'. */
export function time(ns) {
  if (ns === undefined) return '–';
  const [size, unit] = UNITS.find(([least]) => ns >= least * 0.9995) ?? UNITS.at(-1);
  const value = ns / size;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${unit === 'ns' ? Math.round(value) : value.toFixed(digits)} ${unit}`;
}

export const ratio = (value, base) => {
  if (value === undefined || base === undefined) return '–';
  const times = value / base;
  return times < 9.995 ? times.toFixed(2) : times < 99.95 ? times.toFixed(1) : times.toFixed(0);
};

/** A share of 1: '0.25 %'. */
export const percent = (share) => (share === undefined ? '–' : `${(share * 100).toFixed(2)} %`);

export const count = (value) => Math.round(value).toLocaleString('en-US');
